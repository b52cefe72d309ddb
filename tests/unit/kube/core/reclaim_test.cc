// SPDX-License-Identifier: Apache-2.0
// Addresses of nodes that are gone come back: once each, within two minutes, whoever does it.
#include <doctest/doctest.h>

#include "tests/unit/kube/core/reclaim_world.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

MeshReport mesh(std::map<PeerName, std::string> alive, std::map<PeerName, std::string> owners) {
  return {.own = peer_of(1), .alive = std::move(alive), .owners = std::move(owners)};
}

std::set<PeerName> names(const std::map<PeerName, Departed>& departed) {
  std::set<PeerName> out;
  for (const auto& [peer, state] : departed)
    if (!state.alive) out.insert(peer);
  return out;
}

bool all_back(const Cluster& c, const std::vector<int>& gone) {
  for (int number : gone) {
    if (c.mesh.owners.contains(peer_of(number))) return false;
    if (c.listed().contains(peer_of(number).text())) return false;
  }
  return true;
}

std::size_t lock_count(const Cluster& c) {
  std::size_t count = 0;
  const Json& annotations = c.world.api.find(kMapPath)->at("metadata").at("annotations");
  for (const auto& [key, value] : annotations.items())
    count += key == "kube-peers.weave.works/peers" ? 0 : 1;
  return count;
}

}  // namespace

TEST_CASE("reclaim: departed: an owner whose node exists, or that lives, has not departed") {
  const PeerList none;
  const auto report =
      mesh({{peer_of(1), "n1"}, {peer_of(2), "elsewhere"}},
           {{peer_of(1), "n1"}, {peer_of(2), "elsewhere"}, {peer_of(3), "n3"}, {peer_of(4), "n4"}});
  CHECK(names(departed_peers(report, none, {"n1", "n3"})) == std::set{peer_of(4)});
  CHECK(departed_peers(report, none, {"n1", "n3"}).at(peer_of(2)).alive);
}

TEST_CASE("reclaim: departed: the list of peers says where a peer ran, the nickname as well") {
  const auto report = mesh({{peer_of(1), "n1"}}, {{peer_of(3), "bare"}, {peer_of(4), "n1"}});
  PeerList list{
      {{peer_of(3).text(), "n3"}, {peer_of(4).text(), "gone"}, {peer_of(5).text(), "n5"}}};
  // 3 is listed for a node that exists; 4 is called like one that exists; 5 owns nothing any more.
  const auto departed = departed_peers(report, list, {"n1", "n3"});
  CHECK(names(departed) == std::set{peer_of(5)});
  CHECK(!departed.at(peer_of(5)).owns_space);
}

TEST_CASE("reclaim: departed: another peer on the same node means that the former is gone") {
  const auto report = mesh({{peer_of(1), "n1"}, {peer_of(2), "n2"}}, {{peer_of(3), "n2"}});
  const auto departed = departed_peers(report, {}, {"n1", "n2"});
  REQUIRE(departed.contains(peer_of(3)));
  CHECK(departed.at(peer_of(3)).replaced);
}

TEST_CASE(
    "reclaim: departed: a peer of an unknown host has gone only if no node is without a peer") {
  const auto report = mesh({{peer_of(1), "n1"}}, {{peer_of(3), ""}});
  CHECK(departed_peers(report, {}, {"n1", "n2"}).empty());
  CHECK(names(departed_peers(report, {}, {"n1"})) == std::set{peer_of(3)});
}

TEST_CASE("reclaim: five nodes deleted at once: all space is back within two minutes, once each") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Cluster c(seed, 0.05);
    for (int i = 1; i <= 8; ++i)
      c.add_node(i);
    c.run(minutes(3));
    CHECK(c.listed().peers.size() == 8);
    const std::vector<int> gone{2, 3, 5, 7, 8};
    for (int number : gone)
      c.delete_node(number);
    c.run(seconds(120));
    CHECK(all_back(c, gone));
    for (const auto& [peer, count] : c.mesh.takeovers)
      CHECK(count == 1);
    CHECK(c.mesh.takeovers.size() == 5);
    c.run(minutes(2));
    CHECK(lock_count(c) == 0);
    std::uint64_t counted = 0;
    for (const auto& [number, agent] : c.agents)
      counted += agent->reclaim.status().addresses_count;
    CHECK(counted == 5000);
  }
}

TEST_CASE("reclaim: paused: nodes that went while no agent could act are reclaimed on return") {
  Cluster c(3, 0);
  for (int i = 1; i <= 6; ++i)
    c.add_node(i);
  c.run(minutes(2));
  c.world.away = true;
  for (int number : {2, 3, 4, 5, 6})
    c.delete_node(number, false);
  c.run(minutes(30));
  CHECK(c.mesh.takeovers.empty());
  c.world.away = false;
  // The list after the outage is where the missed events are made up for.
  for (int number : {2, 3, 4, 5, 6})
    c.agent(1).node(node_of(number), false);
  c.run(seconds(120));
  CHECK(all_back(c, {2, 3, 4, 5, 6}));
}

TEST_CASE(
    "reclaim: holder dies: another agent takes over in the middle, and nothing is done twice") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Cluster c(seed, 0.05);
    for (int i = 1; i <= 6; ++i)
      c.add_node(i);
    c.run(minutes(2));
    c.delete_node(6);
    c.run(seconds(30 + static_cast<int>(c.world.rng.below(12))));
    // Whoever holds the lease by now dies as well, node and all.
    int holder = 0;
    for (const auto& [number, agent] : c.agents) {
      if (!agent->logged.empty() && agent->logged.back().find("taking over") == 0) holder = number;
    }
    if (holder == 0) holder = 5;
    c.delete_node(holder);
    c.run(minutes(6));
    CHECK(all_back(c, {6, holder}));
    for (const auto& [peer, count] : c.mesh.takeovers)
      CHECK(count == 1);
    CHECK(lock_count(c) == 0);
  }
}

TEST_CASE(
    "reclaim: never of the living: a peer in the mesh, a node that exists, a node that is back") {
  Cluster c(1, 0);
  for (int i = 1; i <= 4; ++i)
    c.add_node(i);
  c.run(minutes(2));
  // Node 2 is deleted while its machine runs on; node 3's machine is off; the watch lies about 4.
  c.world.api.remove("/api/v1/nodes/node2");
  for (int number : {1, 3, 4})
    c.agent(number).node("node2", false);
  c.mesh.alive.erase(peer_of(3));
  c.mesh.alive.erase(peer_of(4));
  c.agent(1).node("node4", false);
  c.run(minutes(10));
  CHECK(c.mesh.takeovers.empty());
  CHECK(c.agent(1).reclaim.status().waiting_count == 1);
}

TEST_CASE("reclaim: grace: a node that comes back within half a minute keeps its addresses") {
  Cluster c(1, 0);
  for (int i = 1; i <= 3; ++i)
    c.add_node(i);
  c.run(minutes(2));
  c.mesh.alive.erase(peer_of(3));
  for (auto& [number, agent] : c.agents)
    agent->node("node3", false);
  c.world.api.remove("/api/v1/nodes/node3");
  c.run(seconds(25));
  c.world.api.put("/api/v1/nodes/node3", {{"metadata", {{"name", "node3"}}}});
  for (auto& [number, agent] : c.agents)
    agent->node("node3", true);
  c.run(minutes(5));
  CHECK(c.mesh.takeovers.empty());
}

TEST_CASE(
    "reclaim: weave: a lock of a Weave peer is honoured while that is listed, and taken after") {
  Cluster c(1, 0);
  for (int i = 1; i <= 3; ++i)
    c.add_node(i);
  c.run(minutes(2));
  Json map = *c.world.api.find(kMapPath);
  PeerList list = c.listed();
  list_peer(map, list, {peer_of(9).text(), "weave-node"});
  REQUIRE(take_lock(map, list, peer_of(3).text(), peer_of(9).text()) == LockOutcome::taken);
  c.world.api.put(kMapPath, map);
  c.world.api.put("/api/v1/nodes/weave-node", {{"metadata", {{"name", "weave-node"}}}});
  c.mesh.alive[peer_of(9)] = "weave-node";
  for (auto& [number, agent] : c.agents)
    agent->node("weave-node", true);
  c.delete_node(3);
  c.run(minutes(5));
  CHECK(c.mesh.takeovers.empty());
  // Weave's agent has done it: its entry and its lock are gone, and the ring says so.
  map = *c.world.api.find(kMapPath);
  list = c.listed();
  forget_listed(map, list, peer_of(3).text());
  c.world.api.put(kMapPath, map);
  c.run(seconds(10));
  c.mesh.owners.erase(peer_of(3));
  c.run(minutes(5));
  CHECK(c.mesh.takeovers.empty());
}

TEST_CASE("reclaim: weave: our own lock is there, and we are listed, before anything is taken") {
  Cluster c(1, 0);
  c.add_node(1);
  c.add_node(2);
  c.run(minutes(2));
  c.agent(1).daemon_refuses = true;
  c.delete_node(2);
  c.run(seconds(40));
  CHECK(c.listed().contains(peer_of(1).text()));
  CHECK(c.mesh.takeovers.empty());
  c.run(minutes(2));
  CHECK(lock_count(c) == 0);  // refused: the lock is given back, the entry stays
  CHECK(c.listed().contains(peer_of(2).text()));
  CHECK(!c.agent(1).reclaim.status().last_error.empty());
  c.agent(1).daemon_refuses = false;
  c.run(minutes(3));
  CHECK(all_back(c, {2}));
}

TEST_CASE("reclaim: eviction: who was taken for gone says so and does not list itself again") {
  Cluster c(1, 0);
  c.add_node(1);
  c.add_node(2);
  c.run(minutes(2));
  CHECK(c.agent(2).listed_in == "uid-3");
  Json map = *c.world.api.find(kMapPath);
  PeerList list = c.listed();
  forget_listed(map, list, peer_of(2).text());
  c.world.api.put(kMapPath, map);
  c.run(minutes(3));
  CHECK(c.agent(2).reclaim.status().evicted);
  CHECK(!c.listed().contains(peer_of(2).text()));
  CHECK(!c.agent(1).reclaim.status().evicted);
  CHECK(c.agent(2).told == std::vector<std::string>{"NodeEvicted"});
  CHECK(c.agent(1).told.empty());
}

TEST_CASE("reclaim: damage: a list of peers that cannot be read stops all takeovers") {
  Cluster c(1, 0);
  c.add_node(1);
  c.add_node(2);
  c.run(minutes(2));
  Json map = *c.world.api.find(kMapPath);
  map["metadata"]["annotations"]["kube-peers.weave.works/peers"] = "?";
  c.world.api.put(kMapPath, map);
  c.delete_node(2);
  c.run(minutes(5));
  CHECK(c.mesh.takeovers.empty());
  CHECK(c.world.api.find(kMapPath)
            ->at("metadata")
            .at("annotations")
            .at("kube-peers.weave.works/peers") == "?");
}

TEST_CASE("reclaim: quiet: without departed peers an agent asks twice a minute and no more") {
  Cluster c(1, 0);
  for (int i = 1; i <= 3; ++i)
    c.add_node(i);
  c.run(minutes(2));
  const auto before = c.world.requests;
  c.run(minutes(10));
  CHECK(c.world.requests - before <= 60);
  CHECK(c.world.api.find("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/weave-net") ==
        nullptr);
}
