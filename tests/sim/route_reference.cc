// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/route_reference.h"

namespace weft::sim {

StrictGraph strict_graph(const gossip::MeshStatus& status) {
  std::map<PeerName, std::set<PeerName>> says;  // whom each calls established
  for (const gossip::PeerStatus& peer : status.peers) {
    says[peer.name];
    for (const gossip::ConnectionSummary& connection : peer.connections) {
      if (connection.established) says[peer.name].insert(connection.peer);
    }
  }
  StrictGraph graph;
  for (const auto& [peer, others] : says) {
    graph[peer];
    for (PeerName other : others) {
      auto back = says.find(other);
      if (back != says.end() && back->second.count(peer) != 0) graph[peer].insert(other);
    }
  }
  return graph;
}

std::map<PeerName, PeerName> parents(const StrictGraph& graph, PeerName start) {
  std::map<PeerName, PeerName> parent{{start, PeerName()}};
  std::set<PeerName> level{start};
  while (!level.empty()) {
    std::map<PeerName, PeerName> found;  // the least name comes first and stays
    for (PeerName near : level) {
      for (PeerName far : graph.at(near)) {
        if (parent.count(far) == 0) found.try_emplace(far, near);
      }
    }
    level.clear();
    for (const auto& [far, near] : found) {
      parent.emplace(far, near);
      level.insert(far);
    }
  }
  return parent;
}

std::string wrong_route(const gossip::Node& node, TimePoint now) {
  StrictGraph graph = strict_graph(node.status(now));
  std::map<PeerName, PeerName> towards = parents(graph, node.name());
  const auto& routes = node.unicast_routes();
  if (routes.size() != towards.size()) {
    return node.name().text() + " has " + std::to_string(routes.size()) + " routes instead of " +
           std::to_string(towards.size());
  }
  for (const auto& [peer, before] : towards) {
    PeerName hop = peer;
    while (towards.at(hop).known() && towards.at(hop) != node.name())
      hop = towards.at(hop);
    if (peer == node.name()) hop = PeerName();
    auto route = routes.find(peer);
    if (route == routes.end() || route->second != hop) {
      return node.name().text() + " has another route to " + peer.text() + " than by " + hop.text();
    }
  }
  const auto& followed = node.broadcast_hops_of_all();
  for (const auto& [origin, neighbours] : graph) {
    std::map<PeerName, PeerName> tree = parents(graph, origin);
    std::vector<PeerName> hops;
    for (PeerName next : graph.at(node.name())) {
      auto below = tree.find(next);
      if (below != tree.end() && below->second == node.name()) hops.push_back(next);
    }
    if (node.broadcast_hops(origin) == hops && followed.at(origin) == hops) continue;
    return node.name().text() + " passes broadcasts of " + origin.text() + " on wrongly";
  }
  return {};
}

std::string needless_connection(const gossip::Node& node, std::size_t limit, TimePoint now) {
  if (node.load().connections <= limit) return {};
  const StrictGraph graph = strict_graph(node.status(now));
  for (PeerName neighbour : graph.at(node.name())) {
    StrictGraph without = graph;
    without[node.name()].erase(neighbour);
    without[neighbour].erase(node.name());
    if (parents(without, node.name()).count(neighbour) == 0) continue;
    return "has " + std::to_string(node.load().connections) + " connections and a limit of " +
           std::to_string(limit) + ", but needs none to " + neighbour.text();
  }
  return {};
}

namespace {

std::string wrong_unicast(const std::map<PeerName, const gossip::Node*>& nodes, PeerName from,
                          PeerName to) {
  PeerName at = from;
  for (std::size_t hops = 0; at != to; ++hops) {
    if (hops > nodes.size()) return from.text() + " to " + to.text() + " runs in a circle";
    const auto& routes = nodes.at(at)->unicast_routes();
    auto next = routes.find(to);
    if (next == routes.end() || nodes.count(next->second) == 0) {
      return from.text() + " to " + to.text() + " ends at " + at.text();
    }
    at = next->second;
  }
  return {};
}

std::string wrong_broadcast(const std::map<PeerName, const gossip::Node*>& nodes, PeerName origin) {
  std::set<PeerName> reached{origin};
  std::vector<PeerName> work{origin};
  while (!work.empty()) {
    PeerName at = work.back();
    work.pop_back();
    for (PeerName next : nodes.at(at)->broadcast_hops(origin)) {
      if (nodes.count(next) == 0) return "a broadcast goes to " + next.text() + ", who is nobody";
      if (!reached.insert(next).second) {
        return "a broadcast of " + origin.text() + " reaches " + next.text() + " twice";
      }
      work.push_back(next);
    }
  }
  if (reached.size() == nodes.size()) return {};
  return "a broadcast of " + origin.text() + " reaches " + std::to_string(reached.size()) + " of " +
         std::to_string(nodes.size());
}

}  // namespace

std::string wrong_delivery(const std::map<PeerName, const gossip::Node*>& nodes) {
  for (const auto& [from, node] : nodes) {
    std::string wrong = wrong_broadcast(nodes, from);
    for (auto to = nodes.begin(); wrong.empty() && to != nodes.end(); ++to)
      wrong = wrong_unicast(nodes, from, to->first);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace weft::sim
