// SPDX-License-Identifier: Apache-2.0
// The databases that two hosts of a real Weave left behind: read whole, and an allocator that
// starts from one goes on where Weave stopped.
#include <algorithm>
#include <iterator>

#include "base/rng.h"
#include "ipam-crdt/allocator.h"
#include "ipam-crdt/ring_wire.h"
#include "ipam-crdt/weave_db.h"
#include "tests/golden/golden.h"

using namespace weft;
using namespace weft::ipam;

namespace {

std::optional<WeaveDatabase> database(const std::string& file) {
  std::ifstream in(golden::folder() / file, std::ios::binary);
  if (!in) {
    MESSAGE("skipped: no " << (golden::folder() / file).string());
    return std::nullopt;
  }
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  auto parsed = parse_weave_database(as_bytes(bytes));
  REQUIRE_MESSAGE(parsed.has_value(), file << ": " << parsed.error().what);
  return std::move(*parsed);
}

class NoMesh final : public MeshView {
 public:
  bool known(PeerName) const override { return false; }
  bool reachable(PeerName) const override { return false; }
  std::size_t active_target_count() const override { return 2; }
};

}  // namespace

TEST_CASE("golden: weave database: name, ring, addresses and targets of two hosts") {
  const std::vector<std::string> targets{"192.168.77.11", "192.168.77.12", "192.168.77.13"};
  for (const std::string file : {"host1", "host2", "encrypted-host1", "encrypted-host2"}) {
    auto db = database("weave-netdata-" + file + ".db");
    if (!db) return;
    CAPTURE(file);
    auto host = file.ends_with('1') ? 1U : 2U;
    CHECK(db->name == PeerName::from_u48(0x7a0000000000ULL + host));
    std::sort(db->direct_peers.begin(), db->direct_peers.end());  // a map of Go's has no order
    CHECK(db->direct_peers == targets);
    REQUIRE(db->ring.has_value());
    auto ring = parse_ring(*db->ring);
    REQUIRE(ring.has_value());
    CHECK(ring->holder == db->name);
    CHECK(ring->universe == Cidr::parse("10.32.0.0/12")->range());
    CHECK(ring->seeds.size() == 2);  // the third came when two had agreed
    CHECK(db->owned.contains("weave:expose"));
    CHECK(db->owned.size() == 2);
  }
}

TEST_CASE("golden: weave database: an allocator goes on from it, and gives nothing twice") {
  auto db = database("weave-netdata-host1.db");
  if (!db) return;
  SeededRng rng(1);
  NoMesh mesh;
  Cidr universe = *Cidr::parse("10.32.0.0/12");
  Allocator allocator({.name = *db->name,
                       .uid = {1},
                       .nickname = "host1",
                       .universe = universe,
                       .default_subnet = universe,
                       .init = InitConsensus{},
                       .wall = {}},
                      rng, mesh);
  Effects effects;
  TimePoint now{std::chrono::seconds(1)};
  allocator.start(now, {.ring = db->ring, .owned = db->owned}, effects);
  CHECK(allocator.status().active == 2);
  CHECK(allocator.status().strays.empty());
  CHECK_FALSE(allocator.status().paxos.has_value());
  for (const auto& [ident, owned] : db->owned) {
    effects.clear();
    allocator.allocate(now, {1}, ident, universe, false, effects);
    REQUIRE(effects.size() == 1);
    const auto& reply = std::get<effect::Reply>(effects.at(0));
    CHECK(std::get<effect::Allocated>(reply.outcome).address == owned.addresses.at(0));
  }
}
