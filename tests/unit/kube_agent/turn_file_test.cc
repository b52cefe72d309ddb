// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/files/turn_file.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/result_text.h"

using namespace weft;
using namespace weft::kube;
using Place = TurnFile::Place;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/weft-turn-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file() const { return path_ + "/turn"; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("file of turns: a place is one's at a time, and free when it is left") {
  const Folder folder;
  const auto one = TurnFile::open(folder.file());
  const auto other = TurnFile::open(folder.file());
  REQUIRE(one.has_value());
  REQUIRE(other.has_value());
  CHECK(one->take(Place::serving));
  CHECK(one->take(Place::serving));
  CHECK_FALSE(one->taken(Place::serving));
  CHECK(other->taken(Place::serving));
  CHECK_FALSE(other->take(Place::serving));
  CHECK(other->take(Place::heir));  // places have nothing to do with each other
  CHECK(one->taken(Place::heir));
  one->leave(Place::serving);
  CHECK(other->take(Place::serving));
}

TEST_CASE("file of turns: a process that ends leaves its places, however it does") {
  const Folder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto file = TurnFile::open(folder.file());
    ::_exit(file && file->take(Place::serving) ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  const auto file = TurnFile::open(folder.file());
  REQUIRE(file.has_value());
  CHECK_FALSE(file->taken(Place::serving));
}

TEST_CASE("file of turns: one that was removed is known to be") {
  const Folder folder;
  const auto file = TurnFile::open(folder.file());
  REQUIRE(file.has_value());
  CHECK_FALSE(file->stale());
  std::filesystem::remove(folder.file());
  CHECK(file->stale());
  const auto another = TurnFile::open(folder.file());
  CHECK(file->stale());
  CHECK_FALSE(another->stale());
}

TEST_CASE("file of turns: a folder that is not there is an error that says so") {
  const auto file = TurnFile::open("/nowhere/at/all");
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().sys_errno == ENOENT);
}
