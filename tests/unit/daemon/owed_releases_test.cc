// SPDX-License-Identifier: Apache-2.0
// The queue of releases on disk, and the daemon working it off.
#include "router/daemon/owed_releases.h"

#include <cstdlib>
#include <filesystem>

#include <doctest/doctest.h>

#include "fake_control.h"

using namespace weft;
using namespace weft::daemon;
using releases::ReleaseQueue;

namespace {

struct Desk {
  std::string folder = make();
  ReleaseQueue queue{folder};
  fake::FakeControl control;
  OwedReleases owed{control, folder};

  ~Desk() { std::filesystem::remove_all(folder); }
  static std::string make() {
    std::string pattern = std::filesystem::temp_directory_path() / "wf-owed-XXXXXX";
    return ::mkdtemp(pattern.data());
  }
  void hold(const std::string& ident) {
    control.addresses[ident].addresses = {*Cidr::parse("10.32.0.5/12")};
  }
};

}  // namespace

TEST_CASE("release queue: what is added is there, until it is done, and the lock is one") {
  Desk desk;
  CHECK(desk.queue.empty());
  CHECK(ReleaseQueue(desk.folder + "/none").empty());
  REQUIRE(desk.queue.add("b"));
  REQUIRE(desk.queue.add("a"));
  REQUIRE(desk.queue.add("a"));
  CHECK(desk.queue.holds("a"));
  auto work = desk.queue.take(Duration::zero());
  REQUIRE(work);
  CHECK(work->idents() == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(desk.queue.take(std::chrono::milliseconds(20)));
  work->done("a");
  CHECK_FALSE(desk.queue.holds("a"));
  CHECK_FALSE(desk.queue.empty());
  work.reset();
  CHECK(desk.queue.take(Duration::zero()));
}

TEST_CASE("owed releases: what a DEL left is released, and what nobody holds is forgotten") {
  Desk desk;
  desk.hold("abc");
  desk.hold("still-there");
  REQUIRE(desk.queue.add("abc"));
  REQUIRE(desk.queue.add("long-gone"));
  desk.owed.work();
  CHECK(desk.control.addresses.count("abc") == 0);
  CHECK(desk.control.addresses.count("still-there") == 1);
  CHECK(desk.queue.empty());
  CHECK(desk.queue.take(Duration::zero()));  // and the lock is free again
}

TEST_CASE("owed releases: nothing is done while the plugin works, or without address allocation") {
  Desk desk;
  desk.hold("abc");
  REQUIRE(desk.queue.add("abc"));
  {
    auto plugin = desk.queue.take(Duration::zero());
    desk.owed.work();
    CHECK(desk.control.addresses.count("abc") == 1);
  }
  desk.control.ipam_on = false;
  desk.owed.work();
  CHECK(desk.queue.holds("abc"));
  desk.control.ipam_on = true;
  desk.owed.work();
  CHECK(desk.queue.empty());
}
