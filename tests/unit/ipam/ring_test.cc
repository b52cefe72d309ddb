// SPDX-License-Identifier: Apache-2.0
// The ring by itself: its rules, grants, free counts, and what merging does with two of them.
#include "ipam-crdt/ring.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "base/rng.h"
#include "ipam-crdt/space.h"

using namespace weft;
using namespace weft::ipam;

namespace {

constexpr IpRange kUniverse{{0x0a000000}, {0x0a000100}};

PeerName peer(std::uint64_t n) {
  return PeerName::from_u48(n);
}

Ipv4Addr at(std::uint32_t offset) {
  return kUniverse.start + offset;
}

Ring ring_of(PeerName self, std::vector<RingEntry> entries, std::vector<PeerName> seeds = {}) {
  auto ring = Ring::restore({.universe = kUniverse,
                             .holder = self,
                             .entries = std::move(entries),
                             .seeds = std::move(seeds)},
                            self);
  REQUIRE(ring.has_value());
  return *ring;
}

IntervalSet used(std::initializer_list<std::uint32_t> offsets) {
  IntervalSet out;
  for (std::uint32_t offset : offsets)
    out.add({at(offset), at(offset + 1)});
  return out;
}

// A peer with its ring and what it has allocated, as in a running cluster.
struct Node {
  Ring ring;
  Space space;

  void follow() {
    space.set_ranges(ring.ranges_of(ring.self()));
    ring.report_free(space);
  }
};

std::vector<Node> cluster(std::size_t count) {
  std::vector<PeerName> peers;
  for (std::size_t i = 0; i < count; ++i)
    peers.push_back(peer(i + 1));
  std::vector<Node> nodes;
  for (PeerName name : peers) {
    nodes.push_back({Ring(kUniverse, name), {}});
    nodes.back().ring.claim_for_peers(peers);
    nodes.back().follow();
  }
  return nodes;
}

// One thing that an allocator does with its own part of the ring.
void act(Node& node, Rng& rng, std::size_t peers) {
  IpRange all = kUniverse;
  switch (rng.below(4)) {
    case 0:
      node.space.allocate(all);
      break;
    case 1: {
      auto any =
          node.space.used().first_in({at(static_cast<std::uint32_t>(rng.below(256))), all.end});
      if (any) CHECK(node.space.release(*any).has_value());
      break;
    }
    default: {
      PeerName to = peer(1 + rng.below(peers));
      Ipv4Addr start = at(static_cast<std::uint32_t>(rng.below(256)));
      if (to == node.ring.self()) break;
      if (auto chunk = node.space.donate({start, all.end})) node.ring.grant(*chunk, to);
      break;
    }
  }
  node.ring.report_free(node.space);
}

void merge(Node& into, const Ring& from) {
  MergeOutcome outcome = into.ring.merge(from.data(), into.space.used());
  CAPTURE(outcome.why);
  REQUIRE_FALSE(outcome.error.has_value());
  into.follow();
}

// Rings as third parties see them, who own nothing: without bookkeeping.
Ring merged(const Ring& a, const Ring& b) {
  Ring out = a;
  MergeOutcome outcome = out.merge(b.data(), IntervalSet());
  CAPTURE(outcome.why);
  REQUIRE_FALSE(outcome.error.has_value());
  out.settle_free(b.data());
  return out;
}

Ring seen_by_stranger(const Ring& ring) {
  return *Ring::restore(ring.data(), peer(99));
}

}  // namespace

TEST_CASE("ring: rules: whatever breaks one is not restored") {
  auto broken = [](std::vector<RingEntry> entries) {
    return !Ring::restore({.universe = kUniverse, .holder = peer(1), .entries = std::move(entries)},
                          peer(1));
  };
  CHECK_FALSE(broken({{at(0), peer(1), 0, 256}}));
  CHECK_FALSE(broken({{at(9), peer(1), 0, 256}}));
  CHECK(broken({{at(0), peer(1), 0, 257}}));
  CHECK(broken({{at(256), peer(1), 0, 0}}));
  CHECK(broken({{at(8), peer(1), 0, 0}, {at(4), peer(2), 0, 0}}));
  CHECK(broken({{at(8), peer(1), 0, 0}, {at(8), peer(2), 0, 0}}));
  CHECK(broken({{at(8), peer(1), 0, 9}, {at(16), peer(2), 0, 0}}));
  CHECK_FALSE(Ring::restore({.universe = {at(8), at(8)}}, peer(1)).has_value());
  CHECK_FALSE(Ring::restore({.universe = {at(8), at(4)}}, peer(1)).has_value());
}

TEST_CASE("ring: an entry that wraps: both its parts are its owner's") {
  Ring ring = ring_of(peer(1), {{at(10), peer(2), 0, 100}, {at(200), peer(1), 0, 60}});
  CHECK(ring.owner(at(5)) == peer(1));
  CHECK(ring.owner(at(10)) == peer(2));
  CHECK(ring.owner(at(255)) == peer(1));
  CHECK_FALSE(ring.owner(at(256)).has_value());
  CHECK(ring.ranges_of(peer(1)) == std::vector<IpRange>{{at(0), at(10)}, {at(200), at(256)}});
  ring.grant({at(0), at(4)}, peer(3));
  CHECK(ring.owner(at(0)) == peer(3));
  CHECK(ring.owner(at(4)) == peer(1));
  CHECK(check_ring(ring.data()).has_value());
  ring.grant({at(200), at(256)}, peer(3));
  CHECK(ring.ranges_of(peer(1)) == std::vector<IpRange>{{at(4), at(10)}});
}

TEST_CASE("ring: others' free space: each entry counts once, ours not at all") {
  Ring ring = ring_of(peer(1), {{at(10), peer(2), 0, 7},
                                {at(50), peer(1), 0, 9},
                                {at(100), peer(3), 0, 0},
                                {at(200), peer(2), 0, 60}});
  using Free = std::map<PeerName, std::uint64_t>;
  CHECK(ring.others_free(kUniverse) == Free{{peer(2), 67}, {peer(3), 0}});
  CHECK(ring.others_free({at(0), at(5)}) == Free{{peer(2), 60}});
  CHECK(ring.others_free({at(60), at(101)}) == Free{{peer(3), 0}});
}

TEST_CASE("ring: merge: equal versions of two owners end the same on every side") {
  for (std::uint32_t free_a : {10U, 20U}) {
    for (std::uint32_t free_b : {10U, 20U}) {
      Ring a = ring_of(peer(1), {{at(0), peer(1), 3, free_a}});
      Ring b = ring_of(peer(2), {{at(0), peer(2), 3, free_b}});
      Ring a2 = merged(a, b);
      Ring b2 = merged(b, a);
      CHECK(a2.entries() == b2.entries());
      PeerName winner = free_a >= free_b ? peer(1) : peer(2);
      CHECK(a2.entries()[0].peer == winner);
    }
  }
}

TEST_CASE("ring: merge: free counts that differ at one version end with what their owner says") {
  Ring owner = ring_of(peer(1), {{at(0), peer(1), 3, 10}});
  Ring other = ring_of(peer(2), {{at(0), peer(1), 3, 20}});
  Ring third = ring_of(peer(3), {{at(0), peer(1), 3, 15}});
  CHECK(merged(other, third).entries() == merged(third, other).entries());
  CHECK(merged(other, third).entries()[0].free == 15);
  CHECK_FALSE(owner.merge(other.data(), IntervalSet()).touched);
  CHECK(owner.settle_free(other.data()).raised);
  CHECK(owner.entries() == std::vector<RingEntry>{{at(0), peer(1), 4, 10}});
  CHECK(merged(other, owner).entries() == owner.entries());
}

TEST_CASE("ring: merge: a tie that would lose an address in use is refused, and named") {
  Ring a = ring_of(peer(2), {{at(0), peer(2), 3, 10}});
  Ring b = ring_of(peer(1), {{at(0), peer(1), 3, 10}});
  MergeOutcome outcome = a.merge(b.data(), used({77}));
  CHECK(outcome.error.has_value());
  CHECK(outcome.tied == at(0));
  CHECK(a.entries()[0].peer == peer(2));
  REQUIRE(a.reassert(at(0)));
  CHECK(merged(b, a).entries()[0].peer == peer(2));  // the other side, with nothing in use, yields
}

TEST_CASE("ring: merge: no way of splitting our ranges loses an address in use") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SeededRng rng(seed);
    auto random_ring = [&](PeerName self) {
      std::vector<RingEntry> entries;
      for (std::uint32_t token = 0; token < 256; token += 16) {
        if (rng.below(3) != 0) continue;
        entries.push_back({at(token), peer(1 + rng.below(3)),
                           static_cast<std::uint32_t>(rng.below(3)),
                           static_cast<std::uint32_t>(rng.below(17))});
      }
      return ring_of(self, std::move(entries));
    };
    Ring mine = random_ring(peer(1));
    Ring theirs = random_ring(peer(2));
    IntervalSet ours(mine.ranges_of(peer(1)));
    IntervalSet in_use;
    for (int i = 0; i < 3; ++i) {
      Ipv4Addr addr = at(static_cast<std::uint32_t>(rng.below(256)));
      if (ours.contains(addr)) in_use.add({addr, addr + 1});
    }
    std::vector<RingEntry> before = mine.entries();
    MergeOutcome outcome = mine.merge(theirs.data(), in_use);
    CAPTURE(seed);
    REQUIRE(check_ring(mine.data()).has_value());
    IntervalSet after(mine.ranges_of(peer(1)));
    for (IpRange range : in_use.ranges())
      REQUIRE(after.size_in(range) == range.size());
    if (outcome.error && !outcome.touched) REQUIRE(mine.entries() == before);
    if (!outcome.updated && !outcome.touched) REQUIRE(mine.entries() == before);
  }
}

TEST_CASE("ring: merge: rings of other seeds are refused, and both seed lists are named") {
  Ring a = ring_of(peer(1), {{at(0), peer(1), 0, 1}}, {peer(1), peer(2)});
  Ring b = ring_of(peer(3), {{at(0), peer(3), 9, 1}}, {peer(3)});
  MergeOutcome outcome = a.merge(b.data(), IntervalSet());
  REQUIRE(outcome.error.has_value());
  CHECK(outcome.why.find("00:00:00:00:00:01,00:00:00:00:00:02") != std::string::npos);
  CHECK(outcome.why.find("seeded by 00:00:00:00:00:03,") != std::string::npos);
  CHECK(a.entries()[0].peer == peer(1));
}

// Reachable states are those of peers that only change what is theirs. For these a merge is a
// join; for the rest Weave's rules are not: which of two conflicting rings survives depends on who
// has addresses in use.
TEST_CASE("ring: merge: for rings that peers can reach it commutes, associates and is idempotent") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    std::size_t count = 2 + rng.below(3);
    std::vector<Node> nodes = cluster(count);
    for (int i = 0; i < 60; ++i) {
      Node& node = nodes[rng.below(count)];
      if (rng.below(3) == 0) {
        Node& other = nodes[rng.below(count)];
        if (&other != &node) merge(node, other.ring);
      } else {
        act(node, rng, count);
      }
      Ring a = seen_by_stranger(nodes[rng.below(count)].ring);
      Ring b = seen_by_stranger(nodes[rng.below(count)].ring);
      Ring c = seen_by_stranger(nodes[rng.below(count)].ring);
      CHECK(merged(a, a).entries() == a.entries());
      CHECK(merged(a, b).entries() == merged(b, a).entries());
      CHECK(merged(merged(a, b), c).entries() == merged(a, merged(b, c)).entries());
      CHECK(merged(merged(a, b), b).entries() == merged(a, b).entries());
    }
    for (std::size_t i = 0; i < 2 * count; ++i) {
      for (Node& node : nodes)
        merge(node, nodes[i % count].ring);
    }
    for (Node& node : nodes)
      CHECK(node.ring.entries() == nodes[0].ring.entries());
  }
}

TEST_CASE("ring: free counts: a change of one address is what a full count finds") {
  SeededRng rng(5);
  Node node = cluster(3)[1];
  for (int i = 0; i < 200; ++i) {
    Ring full = node.ring;
    if (auto addr =
            node.space.allocate({at(static_cast<std::uint32_t>(rng.below(256))), at(256)})) {
      node.ring.adjust_free(*addr, -1);
    } else if (auto taken = node.space.used().first_in(kUniverse)) {
      REQUIRE(node.space.release(*taken).has_value());
      node.ring.adjust_free(*taken, +1);
    }
    full.report_free(node.space);
    CHECK(full.entries() == node.ring.entries());
  }
}

TEST_CASE("ring: versions: the largest there is stays, and does not start again") {
  Ring ring = ring_of(peer(1), {{at(0), peer(1), 0, 1}});
  Ring theirs = ring_of(peer(2), {{at(0), peer(1), 0xffffffff, 1}});
  MergeOutcome outcome = ring.merge(theirs.data(), IntervalSet());
  CHECK(outcome.touched);
  CHECK(ring.entries()[0].version == 0xffffffff);
  ring.transfer(peer(1), peer(2));
  CHECK(ring.entries()[0].version == 0xffffffff);
}
