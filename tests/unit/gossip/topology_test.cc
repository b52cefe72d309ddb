// SPDX-License-Identifier: Apache-2.0
#include "gossip/topology.h"

#include <limits>

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;

namespace {

PeerName name(std::uint64_t number) {
  return PeerName::from_u48(std::uint64_t{0x7a} << 40 | number);
}

PeerRecord record(std::uint64_t number, std::uint64_t version,
                  const std::vector<std::uint64_t>& to = {}) {
  PeerRecord peer{.name = name(number),
                  .nickname = "host" + std::to_string(number),
                  .uid = {1000 + number},
                  .version = version,
                  .short_id = ShortId::make(number)};
  for (auto n : to) {
    peer.connections.push_back({.peer = name(n), .remote_address = "10.0.0.1:6783"});
  }
  return peer;
}

Topology us() {
  return Topology(record(1, 0));
}

}  // namespace

TEST_CASE("topology: update: new peers, and placeholders for whom they are connected to") {
  auto topology = us();
  auto applied = topology.apply({record(2, 5, {1, 3})});
  CHECK(applied.all == std::set{name(2)});
  CHECK(applied.changed.count(name(2)) == 1);
  REQUIRE(topology.find(name(3)) != nullptr);
  CHECK(*topology.find(name(3)) == PeerRecord{.name = name(3)});
  CHECK(topology.find(name(2))->connections.size() == 2);
  // The placeholder becomes a record as soon as one comes.
  CHECK(topology.apply({record(3, 0)}).changed.count(name(3)) == 1);
  CHECK(topology.find(name(3))->nickname == "host3");
}

TEST_CASE("topology: versions: only newer records are taken, then newer UIDs, then a short ID") {
  auto topology = us();
  topology.apply({record(2, 5)});
  CHECK(topology.apply({record(2, 5)}).changed.empty());
  CHECK(topology.apply({record(2, 4, {3})}).changed.empty());
  CHECK(topology.find(name(3)) == nullptr);
  auto other = record(2, 5);
  other.uid = {1};
  CHECK(topology.apply({other}).changed.empty());
  other.uid = {5000};
  other.short_id.reset();
  CHECK(topology.apply({other}).changed.count(name(2)) == 1);
  CHECK(topology.apply({record(2, 5)}).changed.empty());
  other.short_id = ShortId::make(7);
  CHECK(topology.apply({other}).changed.count(name(2)) == 1);
  CHECK(topology.apply({record(2, 6, {1})}).changed.count(name(2)) == 1);
}

TEST_CASE("topology: versions: of two records in one message the newer counts") {
  auto topology = us();
  topology.apply({record(2, 5, {1}), record(2, 4), record(2, 6, {1, 3})});
  CHECK(topology.find(name(2))->version == 6);
  CHECK(topology.find(name(2))->connections.size() == 2);
}

TEST_CASE("topology: convergence: any order of updates leads to the same records") {
  SeededRng rng(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<PeerRecord> updates;
    for (int i = 0; i < 20; ++i) {
      auto update = record(2 + rng.below(5), rng.below(4), {1, 2 + rng.below(5)});
      update.uid = {1 + rng.below(3)};
      // One run of a peer says one thing at one version.
      update.nickname = std::to_string(update.version) + "/" + std::to_string(update.uid.value);
      update.connections = {{.peer = name(2 + (update.version + update.uid.value) % 5)}};
      update.short_id = ShortId::make(update.name.value() & 0xff);
      updates.push_back(std::move(update));
    }
    auto one = us();
    auto two = us();
    one.apply(updates);
    for (int i = 0; i < 60; ++i)
      two.apply({updates[rng.below(updates.size())]});
    for (auto at = updates.rbegin(); at != updates.rend(); ++at)
      two.apply({*at});
    for (const auto& update : updates)
      CHECK(*one.find(update.name) == *two.find(update.name));
  }
}

TEST_CASE("topology: ourselves: an older run of ours is outbid, the last version ignored") {
  auto topology = us();
  auto old = record(1, 40);
  old.uid = {77};
  auto applied = topology.apply({old});
  CHECK(applied.own_outdated);
  CHECK(topology.self().version == 41);
  CHECK(topology.self().uid == PeerUid{1001});
  CHECK_FALSE(topology.apply({old}).own_outdated);
  CHECK_FALSE(topology.apply({record(1, 41)}).own_outdated);
  // Somebody speaks for us with a version we never had.
  CHECK(topology.apply({record(1, 50)}).own_outdated);
  CHECK(topology.self().version == 51);
  old.version = std::numeric_limits<std::uint64_t>::max();
  CHECK_FALSE(topology.apply({old}).own_outdated);
  CHECK(topology.self().version == 51);
}

TEST_CASE("topology: ourselves: a host that keeps outbidding us is another with our name") {
  auto topology = us();
  auto twin = record(1, 0);
  twin.uid = {77};
  twin.nickname = "twin";
  std::optional<std::string> seen;
  for (unsigned i = 0; i <= kForeignBumpsMax; ++i) {
    CHECK_FALSE(seen.has_value());
    twin.version = topology.self().version + 1;
    seen = topology.apply({twin}).double_seen;
  }
  CHECK(seen == "twin");
}

TEST_CASE("topology: collection: whoever cannot be reached by following connections goes") {
  auto topology = us();
  topology.introduce(record(2, 0));
  topology.add_connection({.peer = name(2)});
  topology.apply({record(2, 1, {3}), record(3, 1, {4}), record(5, 1, {1})});
  CHECK(topology.collect() == std::vector{name(5)});
  CHECK(topology.find(name(4)) != nullptr);
  topology.apply({record(2, 2)});
  CHECK(topology.collect() == std::vector{name(3), name(4)});
  topology.remove_connection(name(2));
  CHECK(topology.collect() == std::vector{name(2)});
  CHECK(topology.peers().size() == 1);
  CHECK(topology.collect().empty());
}

TEST_CASE("topology: own record: each change of a connection raises the version") {
  auto topology = us();
  topology.introduce(record(2, 0));
  topology.add_connection({.peer = name(2), .remote_address = "a", .outbound = true});
  CHECK(topology.self().version == 1);
  topology.establish_connection(name(2));
  CHECK(topology.self().version == 2);
  CHECK(topology.self().connections.front().established);
  topology.remove_connection(name(2));
  CHECK(topology.self().version == 3);
  CHECK(topology.self().connections.empty());
}

TEST_CASE("topology: short IDs: the lower name keeps a contested one, the higher takes another") {
  SeededRng rng(1);
  Topology topology(record(5, 0));
  auto lower = record(2, 1);
  lower.short_id = ShortId::make(5);
  CHECK(topology.apply({lower}).own_short_id_lost);
  CHECK(topology.reassign_short_id(rng));
  CHECK(topology.self().short_id != ShortId::make(5));
  CHECK(topology.self().version == 1);
  auto higher = record(9, 1);
  higher.short_id = topology.self().short_id;
  CHECK_FALSE(topology.apply({higher}).own_short_id_lost);
  CHECK_FALSE(topology.reassign_short_id(rng));
}

TEST_CASE("topology: bounds: a flood of peers is cut off and counted") {
  auto topology = us();
  std::vector<PeerRecord> flood;
  for (std::uint64_t i = 2; i < 2 + kPeersMax; ++i)
    flood.push_back({.name = name(i)});
  auto applied = topology.apply(flood);
  CHECK(topology.peers().size() == kPeersMax);
  CHECK(applied.ignored == 1);
  CHECK(topology.apply({record(3, 1, {99'999})}).ignored >= 1);
  CHECK(topology.find(name(3))->connections.empty());
}

TEST_CASE("topology: bounds: connections beyond the limit over all peers are not taken") {
  auto topology = us();
  std::vector<std::uint64_t> many;
  for (std::uint64_t i = 0; i < 1000; ++i)
    many.push_back(10'000 + i);
  std::size_t ignored = 0;
  for (std::uint64_t i = 2; i < 1'005; ++i)
    ignored += topology.apply({record(i, 1, many)}).ignored;
  CHECK(ignored == 3);
}

TEST_CASE("topology: hostile records: the unknown name and repeated connections do no harm") {
  auto topology = us();
  auto odd = record(2, 1, {3, 3, 1, 3});
  odd.connections[3].established = true;
  odd.connections.push_back({.peer = PeerName()});
  topology.apply({odd, PeerRecord{.name = PeerName(), .version = 9}});
  CHECK(topology.find(PeerName()) == nullptr);
  const auto& connections = topology.find(name(2))->connections;
  REQUIRE(connections.size() == 2);
  CHECK(connections[0].peer == name(1));
  CHECK(connections[1].established);
}
