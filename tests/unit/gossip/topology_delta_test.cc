// SPDX-License-Identifier: Apache-2.0
// Differences between versions of records, and summaries: whoever is told differences ends with
// what the teller has, whatever was lost on the way.
#include <doctest/doctest.h>

#include "base/rng.h"
#include "gossip/summary.h"
#include "gossip/topology.h"

using namespace weft;
using namespace weft::gossip;

namespace {

constexpr std::uint64_t kPeers = 12;

PeerName name(std::uint64_t number) {
  return PeerName::from_u48(number);
}

PeerRecord bare(std::uint64_t number) {
  return {.name = name(number), .nickname = "n", .uid = {number}};
}

// One change of the record's owner.
void change(Topology& owner, Rng& rng) {
  auto peer = name(2 + rng.below(kPeers));
  const auto* connection = owner.connection(owner.self().name, peer);
  if (connection == nullptr) {
    owner.add_connection({.peer = peer, .remote_address = "10.0.0.1:6783"});
  } else if (!connection->established && rng.below(2) == 0) {
    owner.establish_connection(peer);
  } else {
    owner.remove_connection(peer);
  }
}

// Takes a difference in; false if it does not fit.
bool take(Topology& topology, const RecordDelta& delta) {
  auto record = topology.rebuild(delta);
  if (!record) return false;
  topology.apply({*record});
  return true;
}

Reachable all(const Topology& topology) {
  Reachable reachable;
  for (const auto& [peer, record] : topology.peers())
    reachable[peer] = {};
  return reachable;
}

}  // namespace

TEST_CASE("topology delta: differences: lead to the same record, or are known not to fit") {
  SeededRng rng(1);
  for (int round = 0; round < 60; ++round) {
    Topology owner(bare(1));
    Topology listener(bare(50));
    for (std::uint64_t i = 2; i < 2 + kPeers; ++i)
      owner.introduce(bare(i));
    for (int step = 0; step < 80; ++step) {
      auto before = owner.self().version;
      for (auto n = 1 + rng.below(4); n > 0; --n)
        change(owner, rng);
      if (rng.below(4) == 0) continue;  // this one is lost
      auto delta = owner.delta(name(1), before);
      REQUIRE(delta.has_value());
      if (!take(listener, *delta)) {
        // What is asked for then always fits.
        auto again = owner.delta(name(1), listener.fitting(*delta));
        if (!take(listener, *again)) REQUIRE(take(listener, *owner.delta(name(1), 0)));
      }
      REQUIRE(listener.find(name(1)) != nullptr);
      CHECK(*listener.find(name(1)) == owner.self());
    }
  }
}

TEST_CASE("topology delta: relay: whoever was told differences can tell them on") {
  SeededRng rng(2);
  Topology owner(bare(1));
  Topology relay(bare(50));
  Topology last(bare(51));
  for (std::uint64_t i = 2; i < 2 + kPeers; ++i)
    owner.introduce(bare(i));
  std::size_t differences = 0;
  for (int step = 0; step < 200; ++step) {
    auto before = owner.self().version;
    change(owner, rng);
    REQUIRE(take(relay, *owner.delta(name(1), before)));
    auto told = relay.delta(name(1), before);
    REQUIRE(take(last, *told));
    if (told->since) ++differences;
    CHECK(*last.find(name(1)) == owner.self());
  }
  CHECK(differences > 190);
}

TEST_CASE("topology delta: restart: the record of another run is told whole") {
  Topology topology(bare(1));
  auto record = bare(2);
  record.version = 7;
  topology.apply({record});
  record.version = 9;
  topology.apply({record});
  CHECK(topology.delta(name(2), 7)->since == 7);
  CHECK_FALSE(topology.delta(name(2), 6)->since.has_value());
  CHECK_FALSE(topology.delta(name(2), 10)->since.has_value());
  record.uid = {99};
  record.version = 12;
  topology.apply({record});
  CHECK_FALSE(topology.delta(name(2), 9)->since.has_value());
  CHECK_FALSE(topology.delta(name(3), 0).has_value());
}

TEST_CASE("topology delta: history: is bounded, and what it lost is told whole") {
  Topology topology(bare(1));
  topology.introduce(bare(2));
  for (int i = 0; i < 500; ++i) {
    topology.add_connection({.peer = name(2)});
    topology.remove_connection(name(2));
  }
  auto version = topology.self().version;
  CHECK_FALSE(topology.delta(name(1), version - 200)->since.has_value());
  auto delta = topology.delta(name(1), version - 10);
  REQUIRE(delta->since.has_value());
  REQUIRE(delta->changes.size() == 1);
  CHECK(delta->changes[0].gone);
}

TEST_CASE("topology delta: corruption: a difference that leads elsewhere is noticed") {
  Topology topology(bare(1));
  auto record = bare(2);
  record.version = 7;
  record.connections.push_back({.peer = name(1)});
  topology.apply({record});
  RecordDelta delta{.name = name(2), .uid = {2}, .version = 8, .since = 7};
  delta.changes.push_back({.connection = {.peer = name(1)}, .gone = true});
  delta.check = 5;
  CHECK_FALSE(topology.rebuild(delta).has_value());
  CHECK(topology.fitting(delta) == 0);
  delta.check = 0;
  CHECK(topology.rebuild(delta).has_value());
}

TEST_CASE("summary: differences: exactly the buckets of what differs are listed") {
  SeededRng rng(3);
  for (int round = 0; round < 200; ++round) {
    Topology a(bare(1));
    for (std::uint64_t i = 2; i < 2 + rng.below(200); ++i)
      a.introduce(bare(i));
    auto b = a;
    auto bits = bucket_bits(a.peers().size());
    auto other = name(1000 + rng.below(100));
    auto mask = [&] {
      return differing_buckets(summarize(a.peers(), all(a), bits),
                               summarize(b.peers(), all(b), bits));
    };
    CHECK(mask() == 0);
    b.introduce({.name = other});
    CHECK(mask() == std::uint64_t{1} << bucket_of(other, bits));
    auto versions = list_versions(b.peers(), all(b), bits, mask());
    CHECK(versions.entries.size() >= 1);
    CHECK(versions.entries.size() <= 40);
    for (const auto& entry : versions.entries)
      CHECK(bucket_of(entry.name, bits) == bucket_of(other, bits));
    // Who cannot be reached does not count.
    auto without = all(b);
    without.erase(other);
    CHECK(summarize(b.peers(), without, bits) == summarize(a.peers(), all(a), bits));
  }
}
