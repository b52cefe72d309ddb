// SPDX-License-Identifier: Apache-2.0
// Routes for a given graph, as a mesh that has settled would compute them.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "tests/unit/dataplane/world.h"

namespace weft::test {

using Edges = std::vector<std::pair<std::size_t, std::size_t>>;

// parent[i] on the shortest-path tree rooted at `root`; i itself for the root and the unreachable.
inline std::vector<std::size_t> tree(std::size_t count, const Edges& edges, std::size_t root) {
  std::vector<std::size_t> parent(count);
  std::vector<bool> reached(count);
  for (std::size_t i = 0; i < count; ++i)
    parent[i] = i;
  reached[root] = true;
  for (std::deque<std::size_t> queue{root}; !queue.empty(); queue.pop_front()) {
    for (const auto& [a, b] : edges) {
      for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
        if (from != queue.front() || reached[to]) continue;
        reached[to] = true;
        parent[to] = from;
        queue.push_back(to);
      }
    }
  }
  return parent;
}

inline void set_routes(World& world, std::size_t count, const Edges& edges) {
  std::vector<dataplane::Routes> routes(count);
  for (std::size_t root = 0; root < count; ++root) {
    const auto parent = tree(count, edges, root);
    for (std::size_t i = 0; i < count; ++i) {
      // Seen from i, the parent is the next hop towards the root.
      routes[i].broadcast_hops[peer_name(root + 1)];
      if (parent[i] != i) routes[i].unicast[peer_name(root + 1)] = peer_name(parent[i] + 1);
      if (parent[i] != i) {
        routes[parent[i]].broadcast_hops[peer_name(root + 1)].push_back(peer_name(i + 1));
      }
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    world.plane(i).on_routes(routes[i]);
}

}  // namespace weft::test
