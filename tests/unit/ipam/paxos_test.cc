// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/paxos.h"

#include <doctest/doctest.h>

#include "base/rng.h"

using namespace weft;
using namespace weft::ipam;

namespace {

NodeId node(std::uint64_t n) {
  return {.name = PeerName::from_u48(n), .uid = {100 + n}};
}

}  // namespace

TEST_CASE("paxos: any order of delivery: nodes that agree at all agree on the same peers") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    std::size_t count = 1 + rng.below(5);
    std::vector<Paxos> nodes;
    for (std::uint64_t n = 1; n <= count; ++n) {
      nodes.emplace_back(node(n));
      nodes.back().set_quorum(count / 2 + 1);
    }
    std::vector<PaxosState> in_flight;  // any of them may come late, twice or never
    PeerList agreed;
    for (int step = 0; step < 150; ++step) {
      Paxos& one = nodes[rng.below(count)];
      if (in_flight.empty() || rng.below(10) == 0) {
        one.propose();
      } else if (one.update(in_flight[rng.below(in_flight.size())])) {
        one.think();
      }
      in_flight.push_back(one.state());
      if (PeerList peers = one.consensus()) {
        if (!agreed) agreed = peers;
        CHECK(*peers == *agreed);
        CHECK(peers->size() >= count / 2 + 1);
      }
    }
  }
}

TEST_CASE("paxos: one peer: agrees with itself at once, and stays with it") {
  Paxos one(node(7));
  one.set_quorum(1);
  CHECK(one.consensus() == nullptr);
  one.propose();
  REQUIRE(one.consensus() != nullptr);
  CHECK(*one.consensus() == std::vector<PeerName>{PeerName::from_u48(7)});
  one.propose();
  CHECK(*one.consensus() == std::vector<PeerName>{PeerName::from_u48(7)});
}

TEST_CASE("paxos: an accepted value without names: is no consensus") {
  Paxos one(node(1));
  one.set_quorum(1);
  ProposalId id{.round = 1, .proposer = node(2)};
  one.update({{node(2), {.promise = id, .accepted = id, .accepted_value = {nullptr, id}}}});
  one.think();
  CHECK(one.consensus() == nullptr);
}

TEST_CASE("paxos: nodes: no more are remembered than a mesh can have") {
  Paxos one(node(1));
  one.set_quorum(2);
  PaxosState flood;
  for (std::uint64_t n = 1; n <= Paxos::kNodesMax + 10; ++n)
    flood[node(n)] = {};
  one.update(flood);
  CHECK(one.state().size() == Paxos::kNodesMax);
}
