// SPDX-License-Identifier: Apache-2.0
// Whole meshes under virtual time: they form, relay, find one another and mend.
#include <doctest/doctest.h>

#include "tests/unit/gossip/mesh_harness.h"

using namespace weft;
using namespace weft::gossip;
using weft::gossip::testing::HostOptions;
using weft::gossip::testing::Mesh;
using weft::gossip::testing::name_of;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> kThree{"10.99.0.1", "10.99.0.2", "10.99.0.3"};

// Hosts 1..n, each told of the one before it, without discovery.
void start_line(Mesh& mesh, unsigned n, HostOptions options = {}) {
  options.discovery = false;
  for (unsigned i = 1; i <= n; ++i) {
    std::vector<std::string> targets;
    if (i > 1) targets.push_back("10.99.0." + std::to_string(i - 1));
    mesh.start(i, options, targets);
  }
}

}  // namespace

TEST_CASE("mesh: three hosts: plain and with a password they converge within half a second") {
  for (const char* password : {"", "secret"}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(seed);
      Mesh mesh(seed);
      for (unsigned i = 1; i <= 3; ++i) {
        mesh.start(i, {.password = password}, kThree);
        mesh.run_for(Duration(static_cast<Duration::rep>(mesh.rng().below(200'000'000))));
      }
      CHECK(mesh.run_until([&] { return mesh.converged(); }, 500ms));
      mesh.run_for(5min);
      CHECK(mesh.converged());
      CHECK(mesh.wires() == 3);
    }
  }
}

TEST_CASE("mesh: itself as a target: is recognised, never retried and not counted as active") {
  Mesh mesh;
  mesh.start(1, {.password = "x"}, {"10.99.0.1", "10.99.0.2"});
  mesh.run_for(1s);
  CHECK(mesh.error(1, 1) == "cannot connect to ourself");
  CHECK(mesh.node(1).active_target_count() == 1);
  auto status = mesh.node(1).status(mesh.now());
  CHECK(status.termination_count == 0);
  CHECK(status.links.front().retry_never);
}

TEST_CASE("mesh: line: six hosts route through one another in both directions") {
  Mesh mesh;
  start_line(mesh, 6);
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 15s));
  CHECK(mesh.node(1).unicast_routes().at(name_of(6)) == name_of(2));
  CHECK(mesh.node(6).unicast_routes().at(name_of(1)) == name_of(5));
  CHECK(mesh.node(3).broadcast_hops(name_of(1)) == std::vector{name_of(4)});
  CHECK(mesh.node(3).broadcast_hops(name_of(3)) == std::vector{name_of(2), name_of(4)});
}

TEST_CASE("mesh: discovery: a chain of acquaintances becomes a full mesh") {
  Mesh mesh;
  for (unsigned i = 1; i <= 5; ++i) {
    mesh.start(
        i, {},
        i > 1 ? std::vector{"10.99.0." + std::to_string(i - 1)} : std::vector<std::string>{});
  }
  auto full = [&] {
    for (unsigned i = 1; i <= 5; ++i) {
      if (mesh.host(i).ready.size() != 4) return false;
    }
    return true;
  };
  CHECK(mesh.run_until(full, 30s));
  mesh.run_for(1min);
  CHECK(full());
  CHECK(mesh.wires() == 10);
}

TEST_CASE("mesh: restart: a new run of a peer replaces its old record everywhere") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Mesh mesh(seed);
    start_line(mesh, 3);
    REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 15s));
    mesh.run_for(2min);
    mesh.kill(3);
    mesh.start(3, {.discovery = false}, {"10.99.0.2"});
    CHECK(mesh.run_until(
        [&] {
          if (!mesh.converged()) return false;
          for (const auto& peer : mesh.node(1).status(mesh.now()).peers) {
            if (peer.name == name_of(3)) return peer.uid == mesh.host(3).uid;
          }
          return false;
        },
        30s));
  }
}

TEST_CASE("mesh: restart unnoticed: the new run is let in though the old link seems alive") {
  Mesh mesh;
  mesh.start(1);
  mesh.start(2, {}, {"10.99.0.1"});
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 5s));
  // The host vanishes and comes back before anybody misses it.
  mesh.cut(1, 2);
  mesh.kill(2);
  mesh.run_for(1s);
  mesh.heal(1, 2);
  mesh.start(2, {}, {"10.99.0.1"});
  CHECK(mesh.run_until([&] { return mesh.linked(2, 1); }, 1s));
  mesh.run_for(2min);
  CHECK(mesh.converged());
}

TEST_CASE("mesh: death: a peer that is gone is forgotten by all, and its absence reported") {
  Mesh mesh;
  start_line(mesh, 4);
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 15s));
  mesh.kill(4);
  CHECK(mesh.run_until([&] { return mesh.node(1).known_peers().size() == 3; }, 15s));
  // Gossip that crossed with the news may bring it back for a moment.
  REQUIRE_FALSE(mesh.host(1).peers_gone.empty());
  for (const auto& gone : mesh.host(1).peers_gone)
    CHECK(gone.peer == name_of(4));
  CHECK_FALSE(mesh.node(1).reachable(name_of(4)));
  CHECK(mesh.node(1).reachable(name_of(3)));
}

TEST_CASE("mesh: cut: silence ends a link after a minute, and healing brings it back") {
  Mesh mesh;
  mesh.start(1, {}, {"10.99.0.2"});
  mesh.start(2);
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 5s));
  mesh.run_for(2min);
  CHECK(mesh.linked(1, 2));
  mesh.cut(1, 2);
  mesh.run_for(62s);
  CHECK_FALSE(mesh.linked(1, 2));
  CHECK_FALSE(mesh.linked(2, 1));
  bool told = false;
  for (const auto& link : mesh.node(2).status(mesh.now()).links)
    told = told || link.error == "no heartbeat for 60 s";
  CHECK(told);
  CHECK(mesh.node(1).known_peers() == std::vector{name_of(1)});
  mesh.heal(1, 2);
  CHECK(mesh.run_until([&] { return mesh.converged(); }, 30s));
}

TEST_CASE("mesh: cold start: sixteen hosts with two seeds become a full mesh within seconds") {
  Mesh mesh;
  for (unsigned i = 1; i <= 16; ++i)
    mesh.start(i, {}, {"10.99.0.1", "10.99.0.2"});
  auto full = [&] {
    for (unsigned i = 1; i <= 16; ++i) {
      if (mesh.host(i).ready.size() != 15) return false;
    }
    return mesh.converged();
  };
  CHECK(mesh.run_until(full, 10s));
  mesh.run_for(2min);
  CHECK(full());
}

TEST_CASE("mesh: fifty hosts: with three random links each they all know and reach one another") {
  Mesh mesh(3);
  for (unsigned i = 1; i <= 50; ++i) {
    std::vector<std::string> targets;
    for (int n = 0; n < 3 && i > 1; ++n) {
      targets.push_back("10.99.0." + std::to_string(1 + mesh.rng().below(i - 1)));
    }
    mesh.start(i, {.discovery = false}, targets);
  }
  CHECK(mesh.run_until([&] { return mesh.converged(); }, 2min));
}

TEST_CASE("mesh: seeds: the same seed gives the same history") {
  auto run = [](std::uint64_t seed) {
    Mesh mesh(seed);
    for (unsigned i = 1; i <= 5; ++i)
      mesh.start(i, {}, {"10.99.0.1"});
    mesh.run_for(2min);
    std::size_t bytes = 0;
    for (unsigned i = 1; i <= 5; ++i)
      bytes += mesh.host(i).bytes_sent;
    return std::pair(mesh.steps(), bytes);
  };
  CHECK(run(7) == run(7));
}

TEST_CASE("mesh: star: all learn of all within seconds, and short IDs are distinct") {
  Mesh mesh;
  for (unsigned i = 1; i <= 30; ++i)
    mesh.start(i, {.discovery = false}, {"10.99.0.1"});
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 15s));
  std::set<ShortId> ids;
  for (const auto& peer : mesh.node(7).status(mesh.now()).peers) {
    REQUIRE(peer.short_id.has_value());
    ids.insert(*peer.short_id);
  }
  CHECK(ids.size() == 30);
}
