// SPDX-License-Identifier: Apache-2.0
// The order of a turn: what must be stored is on disk before anything is answered.
#include "router/daemon/engine.h"

#include <cstdlib>
#include <filesystem>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "base/rng.h"

using namespace weft;
using namespace weft::daemon;

namespace {

const PeerName kName = *PeerName::make(2);
const Cidr kRange = *Cidr::parse("10.32.0.0/24");

std::unique_ptr<Store> opened(const std::string& path) {
  auto store = Store::open(path);
  REQUIRE(std::holds_alternative<std::unique_ptr<Store>>(store));
  return std::move(std::get<std::unique_ptr<Store>>(store));
}

// A peer that owns the whole range, its state file and its engine; no links, no packets.
struct Bench {
  Bench() {
    engine.with_peer([&](TimePoint now, auto& out) { peer.start(now, {}, {}, out); });
    loop.run_for(std::chrono::milliseconds(1));
  }
  ~Bench() { std::filesystem::remove_all(folder); }

  static std::string made_folder() {
    char name[] = "/tmp/wf-engine-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    return name;
  }

  // As a disk that fails: a table that is written to is gone.
  void break_file() const {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open((folder + "/weft.db").c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, "DROP TABLE owned", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
  }

  // Whether it was answered.
  bool allocate(std::uint64_t id) {
    bool answered = false;
    engine.expect_reply({id}, [&](const IpamOutcome&) { answered = true; });
    engine.with_peer([&](TimePoint now, auto& out) {
      peer.allocate(now, {id}, "c" + std::to_string(id), kRange, true, out);
    });
    engine.after_commit([&] { ++committed; });
    loop.run_for(std::chrono::milliseconds(1));
    engine.drop_reply({id});
    return answered;
  }

  std::string folder = made_folder();
  io::EventLoop loop;
  SeededRng rng{1};
  peer::Peer peer{{.node = {.name = kName, .nickname = "h", .uid = {3}},
                   .allocator = ipam::AllocatorConfig{.name = kName,
                                                      .uid = {3},
                                                      .nickname = "h",
                                                      .universe = kRange,
                                                      .default_subnet = kRange,
                                                      .init = ipam::InitSeed{{kName}},
                                                      .wall = {}}},
                  rng};
  dataplane::Dataplane dataplane{{.name = kName}};
  std::unique_ptr<Store> store = opened(folder + "/weft.db");
  std::string fatal;
  int committed = 0;
  Engine engine{{.loop = loop,
                 .peer = peer,
                 .dataplane = dataplane,
                 .store = *store,
                 .on_fatal = [this](const std::string& why) {
                   fatal = why;
                 }}};
};

}  // namespace

TEST_CASE("engine: store: an address that could not be stored is given to nobody") {
  Bench bench;
  CHECK(bench.allocate(1));
  CHECK(bench.committed == 1);
  CHECK(bench.fatal.empty());
  bench.break_file();
  CHECK_FALSE(bench.allocate(2));
  CHECK(bench.committed == 1);
  CHECK(bench.fatal.find("weft.db: ") != std::string::npos);
}
