// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/store.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include "router/daemon/identity.h"
#include "router/daemon/log.h"
#include "tests/unit/daemon/recording_vfs.h"

using namespace weft;
using namespace weft::daemon;

namespace {

struct TempDir {
  TempDir() {
    char name[] = "/tmp/wf-store-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string path;
};

std::unique_ptr<Store> opened(const std::string& path) {
  auto store = Store::open(path);
  if (auto* failure = std::get_if<Failure>(&store)) FAIL(failure->text());
  return std::move(std::get<std::unique_ptr<Store>>(store));
}

const PeerName kName = *PeerName::make(2);

}  // namespace

TEST_CASE("store: restart: what was committed is there again") {
  TempDir dir;
  std::string path = dir.path + "/sub/weft.db";
  {
    auto store = opened(path);
    CHECK_FALSE(store->load()->name);
    REQUIRE(store->adopt_name(kName).has_value());
    REQUIRE(store
                ->commit({ipam::effect::StoreRing{to_bytes(as_bytes("ring"))},
                          ipam::effect::StoreOwned{"c1", {true, {*Cidr::parse("10.32.0.1/12")}}},
                          ipam::effect::StoreOwned{"c2", {false, {*Cidr::parse("10.32.0.2/12")}}},
                          peer::StoreTargets{{"10.0.0.1", "h:6783"}}})
                .has_value());
    REQUIRE(store->commit({ipam::effect::StoreOwned{"c2", {}}}).has_value());
    REQUIRE(store->set_exposed({{*Cidr::parse("10.32.0.9/12"), true}}).has_value());
  }
  auto state = opened(path)->load().value();
  CHECK(state.name == kName);
  CHECK(as_text(*state.allocator.ring) == "ring");
  REQUIRE(state.allocator.owned.size() == 1);
  CHECK(state.allocator.owned.at("c1").is_container);
  CHECK(state.targets == std::vector<std::string>{"10.0.0.1", "h:6783"});
  CHECK(state.exposed == std::vector<Exposed>{{*Cidr::parse("10.32.0.9/12"), true}});
}

TEST_CASE("store: given peers: are remembered, and were none before the first time") {
  TempDir dir;
  std::string path = dir.path + "/weft.db";
  CHECK_FALSE(opened(path)->load()->given);
  REQUIRE(opened(path)->set_given("10.0.0.1 h:6783").has_value());
  CHECK(opened(path)->load()->given == "10.0.0.1 h:6783");
}

TEST_CASE("store: versions: the file of a newer weaver is left alone") {
  TempDir dir;
  std::string path = dir.path + "/weft.db";
  opened(path)->load().value();
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "UPDATE meta SET value = x'0000000000000002' WHERE key = 'schema'",
                       nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  auto store = Store::open(path);
  REQUIRE(std::holds_alternative<Failure>(store));
  const std::string text = std::get<Failure>(store).text();
  CHECK(text.find("a newer weaver has written") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(path + ".damaged"));
}

TEST_CASE("store: lock: a second weaver on the same file is refused and told the pid") {
  TempDir dir;
  std::string path = dir.path + "/weft.db";
  auto first = opened(path);
  auto second = Store::open(path);
  REQUIRE(std::holds_alternative<Failure>(second));
  CHECK(std::get<Failure>(second).text().find(std::to_string(::getpid())) != std::string::npos);
}

TEST_CASE("store: damage: a file that is no database is put aside, not lost") {
  TempDir dir;
  std::string path = dir.path + "/weft.db";
  std::ofstream(path) << std::string(8192, 'x');
  auto store = opened(path);
  CHECK(store->notices().size() == 1);
  CHECK(std::filesystem::exists(path + ".damaged"));
  CHECK_FALSE(store->load()->name);
}

TEST_CASE("store: damage: an address that is none has the file put aside, not half of it read") {
  TempDir dir;
  std::string path = dir.path + "/weft.db";
  {
    auto store = opened(path);
    REQUIRE(store
                ->commit({ipam::effect::StoreOwned{"c1", {true, {*Cidr::parse("10.32.0.1/12")}}},
                          ipam::effect::StoreOwned{"c2", {true, {*Cidr::parse("10.32.0.2/12")}}}})
                .has_value());
  }
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const std::size_t at = bytes.find("10.32.0.2/12");
  REQUIRE(at != std::string::npos);
  bytes[at + 2] = 'x';
  std::ofstream(path, std::ios::binary) << bytes;
  auto store = opened(path);
  CHECK(store->notices().size() == 1);
  CHECK(std::filesystem::exists(path + ".damaged"));
  CHECK(store->load()->allocator.owned.empty());
}

TEST_CASE("store: a disk that stops answering at any read is an error, and the file stays") {
  TempDir dir;
  test::RecordingVfs disk;
  std::string path = dir.path + "/weft.db";
  constexpr std::size_t kHolders = 300;  // some ten pages
  {
    auto store = opened(path);
    REQUIRE(store->adopt_name(kName).has_value());
    std::vector<peer::StoreOp> ops;
    for (std::uint32_t i = 0; i < kHolders; ++i) {
      const Cidr address = *Cidr::make({0x0a200001 + i}, 12);
      ops.emplace_back(ipam::effect::StoreOwned{"c" + std::to_string(i), {true, {address}}});
    }
    REQUIRE(store->commit(ops).has_value());
  }
  std::size_t refused = 0;
  for (bool read = false; !read; ++refused) {
    REQUIRE(refused < 1000);
    disk.fail_reads_after(refused);
    auto store = Store::open(path);
    if (auto* failure = std::get_if<Failure>(&store)) {
      CHECK(failure->error.code == Errc::system);
      continue;
    }
    const auto state = std::get<std::unique_ptr<Store>>(store)->load();
    read = state.has_value();
    if (read) CHECK(state->allocator.owned.size() == kHolders);
    if (read) CHECK(state->name == kName);
  }
  CHECK(refused > 5);
  CHECK_FALSE(std::filesystem::exists(path + ".damaged"));
}

TEST_CASE("store: name: another peer's state is put aside when the name changes") {
  TempDir dir;
  std::string path = dir.path + "/weft.db";
  auto store = opened(path);
  REQUIRE(store->adopt_name(kName).has_value());
  REQUIRE(store->commit({ipam::effect::StoreRing{to_bytes(as_bytes("ring"))}}).has_value());
  REQUIRE(store->adopt_name(*PeerName::make(4)).has_value());
  CHECK_FALSE(store->load()->allocator.ring);
  CHECK(std::filesystem::exists(path + ".of-00-00-00-00-00-02"));
}

TEST_CASE("identity: order: given, then stored, then Weave's, then its bridge's, then random") {
  SeededRng rng(1);
  NameCandidates all{.given = PeerName::make(2),
                     .stored = PeerName::make(4),
                     .weave = PeerName::make(8),
                     .weave_bridge = MacAddr{6}};
  CHECK(choose_identity(all, rng)->name.value() == 2);
  all.given.reset();
  CHECK(choose_identity(all, rng)->name.value() == 4);
  all.stored.reset();
  CHECK(choose_identity(all, rng)->name.value() == 8);
  all.weave.reset();
  CHECK(choose_identity(all, rng)->name.value() == 6);
  all.weave_bridge.reset();
  for (int i = 0; i < 50; ++i)
    CHECK_FALSE(choose_identity(all, rng)->name.group_bit());
  all.weave_bridge = MacAddr{std::uint64_t{1} << 40};
  CHECK(choose_identity(all, rng).has_error());
}

TEST_CASE("log: line: a peer's text cannot forge fields or lines") {
  LogLine line{.level = LogLevel::info,
               .component = "mesh",
               .peer = "::1(a\" level=error)",
               .address = "",
               .text = "x\ny"};
  CHECK(format_log_line(line) == R"x(component=mesh peer="::1(a\" level=error)" msg="x\x0ay")x");
}
