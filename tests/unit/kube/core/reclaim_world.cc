// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/kube/core/reclaim_world.h"

namespace weft::kube::test {

using std::chrono::milliseconds;

ReclaimAgent::ReclaimAgent(World& world, Mesh& mesh, int number)
    : world_(world),
      mesh_(mesh),
      number_(number),
      reclaim({.own = peer_of(number), .own_node = node_of(number)}, world.rng, ids_) {
  world.add(*this);
}

void ReclaimAgent::start() {
  act([&](Effects& out) { reclaim.start(world_.now, out); });
}

void ReclaimAgent::node(const std::string& name, bool exists) {
  act([&](Effects& out) {
    if (exists) {
      reclaim.on_node(world_.now, name, out);
    } else {
      reclaim.on_node_gone(world_.now, name, out);
    }
  });
}

void ReclaimAgent::nodes_synced() {
  act([&](Effects& out) { reclaim.on_nodes_synced(world_.now, out); });
}

void ReclaimAgent::on_effect(TimePoint, const Effect& effect) {
  if (std::get_if<WantReport>(&effect) != nullptr) report();
  if (const auto* one = std::get_if<RemovePeer>(&effect)) remove(one->peer);
  if (const auto* one = std::get_if<StoreListed>(&effect)) listed_in = one->config_map_uid;
  if (const auto* one = std::get_if<LogLine>(&effect)) logged.push_back(one->text);
  if (const auto* one = std::get_if<Tell>(&effect)) told.push_back(one->reason);
}

// Gossip is late: what a daemon reports may be a second old.
void ReclaimAgent::report() {
  const MeshReport seen{.own = peer_of(number_), .alive = mesh_.alive, .owners = mesh_.owners};
  world_.after(milliseconds(world_.rng.below(1000)), [this, seen] {
    if (!world_.has(*this)) return;
    act([&](Effects& out) { reclaim.on_report(world_.now, seen, out); });
  });
}

void ReclaimAgent::remove(PeerName peer) {
  world_.after(milliseconds(world_.rng.below(500)), [this, peer] {
    const bool refused = daemon_refuses || mesh_.alive.contains(peer);
    if (!refused) {
      ++mesh_.takeovers[peer];
      mesh_.owners.erase(peer);
    }
    if (!world_.has(*this)) return;
    act([&](Effects& out) {
      reclaim.on_peer_removed(world_.now, peer,
                              refused ? std::nullopt : std::optional<std::uint64_t>(1000), out);
    });
  });
}

void Cluster::add_node(int number) {
  const std::string name = node_of(number);
  world.api.put("/api/v1/nodes/" + name, {{"metadata", {{"name", name}}}});
  mesh.alive[peer_of(number)] = name;
  mesh.owners[peer_of(number)] = name;
  for (auto& [other, agent] : agents)
    agent->node(name, true);
  auto agent = std::make_unique<ReclaimAgent>(world, mesh, number);
  for (const auto& [other, unused] : agents)
    agent->node(node_of(other), true);
  agent->node(name, true);
  agent->nodes_synced();
  agent->start();
  agents[number] = std::move(agent);
}

void Cluster::delete_node(int number, bool told) {
  const std::string name = node_of(number);
  world.api.remove("/api/v1/nodes/" + name);
  mesh.alive.erase(peer_of(number));
  auto gone = agents.extract(number);
  world.drop(*gone.mapped());
  graves.push_back(std::move(gone.mapped()));
  if (!told) return;
  for (auto& [other, agent] : agents)
    agent->node(name, false);
}

PeerList Cluster::listed() const {
  const Json* map = world.api.find(kMapPath);
  if (map == nullptr) return {};
  auto list = read_peer_list(*map);
  return list ? *list : PeerList{};
}

}  // namespace weft::kube::test
