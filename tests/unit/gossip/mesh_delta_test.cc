// SPDX-License-Identifier: Apache-2.0
// Whole nodes that speak delta gossip, and mixed with those that do not: all learn the same, by
// far fewer bytes, and what somebody missed is found by comparing.
#include <doctest/doctest.h>

#include "gossip/delta_wire.h"
#include "tests/unit/gossip/mesh_harness.h"

using namespace weft;
using namespace weft::gossip;
using namespace weft::gossip::testing;

namespace {

std::size_t bytes_sent(Mesh& mesh, unsigned count) {
  std::size_t total = 0;
  for (unsigned i = 1; i <= count; ++i)
    total += mesh.host(i).bytes_sent;
  return total;
}

bool all_agree(Mesh& mesh, unsigned count) {
  if (!mesh.converged()) return false;
  for (unsigned i = 2; i <= count; ++i) {
    if (mesh.node(i).topology_hash() != mesh.node(1).topology_hash()) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("delta: quiet: costs a fiftieth of whole topologies at the most") {
  std::size_t cost[2] = {};
  for (bool delta : {false, true}) {
    Mesh mesh;
    for (unsigned i = 1; i <= 20; ++i)
      mesh.start(i, {.owns_ipam = false, .delta = delta}, {"10.99.0.1"});
    REQUIRE(mesh.run_until([&] { return all_agree(mesh, 20); }, 60s));
    mesh.run_for(60s);
    auto before = bytes_sent(mesh, 20);
    mesh.run_for(300s);
    cost[delta ? 1 : 0] = bytes_sent(mesh, 20) - before;
  }
  MESSAGE("20 peers, 300 s: whole topologies " << cost[0] << " bytes, differences " << cost[1]);
  CHECK(cost[1] * 50 < cost[0]);
}

TEST_CASE("delta: star: the hub tells all within seconds, whichever way they speak") {
  for (bool delta : {false, true}) {
    Mesh mesh;
    for (unsigned i = 1; i <= 30; ++i)
      mesh.start(i, {.discovery = false, .delta = delta}, {"10.99.0.1"});
    CHECK(mesh.run_until([&] { return mesh.converged(); }, 15s));
  }
}

TEST_CASE("delta: mixed: a chain of both kinds, and links between the kinds, learn the same") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    Mesh mesh(seed);
    for (unsigned i = 1; i <= 12; ++i) {
      std::vector<std::string> targets;
      if (i > 1) targets.push_back("10.99.0." + std::to_string(i - 1));
      mesh.start(i, {.discovery = false, .delta = mesh.rng().below(2) == 0}, targets);
    }
    CHECK(mesh.run_until([&] { return all_agree(mesh, 12); }, 60s));
    mesh.kill(12);
    mesh.run_for(20s);
    for (unsigned i = 1; i <= 11; ++i)
      CHECK_FALSE(mesh.node(i).knows(name_of(12)));
  }
}

TEST_CASE("delta: cuts: whoever was away learns what changed meanwhile, and forgets who left") {
  Mesh mesh;
  for (unsigned i = 1; i <= 8; ++i)
    mesh.start(i, {}, {"10.99.0.1"});
  REQUIRE(mesh.run_until([&] { return all_agree(mesh, 8); }, 30s));
  for (unsigned i = 1; i <= 7; ++i)
    mesh.cut(i, 8);
  mesh.run_for(70s);
  CHECK(mesh.node(8).known_peers().size() == 1);
  mesh.kill(3);
  mesh.start(9, {}, {"10.99.0.1"});
  mesh.run_for(10s);
  for (unsigned i = 1; i <= 7; ++i)
    mesh.heal(i, 8);
  CHECK(mesh.run_until([&] { return mesh.converged(); }, 8min));
  CHECK_FALSE(mesh.node(8).knows(name_of(3)));
  CHECK(mesh.node(8).knows(name_of(9)));
}

TEST_CASE("delta: negotiation: with a peer that offers nothing no message of ours has tag 8") {
  // Plain text streams: a message is its length and then its tag.
  for (bool delta : {false, true}) {
    Mesh mesh;
    mesh.start(1);
    mesh.start(2, {.delta = delta}, {"10.99.0.1"});
    mesh.start(3, {.delta = delta}, {"10.99.0.1"});
    std::size_t tagged = 0;
    mesh.on_send = [&](ByteView bytes) {
      if (bytes.size() > 4 && load_u32(bytes) == bytes.size() - 4 && bytes[4] == Byte{8}) ++tagged;
    };
    mesh.run_for(100s);
    CHECK(mesh.converged());
    CHECK((tagged != 0) == delta);
  }
}
