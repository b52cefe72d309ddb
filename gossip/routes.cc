// SPDX-License-Identifier: Apache-2.0
#include "gossip/routes.h"

#include <algorithm>
#include <bit>

namespace weft::gossip {

namespace {

const std::vector<PeerName> no_hops;

}  // namespace

bool Routes::recalculate(const std::map<PeerName, PeerRecord>& peers) {
  auto graph = make_graph(peers);
  bool strict_changed = !same_strict(graph, graph_);
  if (graph == graph_) return false;
  graph_ = std::move(graph);
  if (strict_changed) {
    unicast_ = unicast_table(Links::strict);
    broadcast_.clear();
  }
  unicast_all_ = unicast_table(Links::all);
  broadcast_all_.clear();
  weights_.clear();
  for (const auto& [destination, via] : unicast_all_) {
    if (via.known()) ++weights_[via];
  }
  return strict_changed;
}

const std::vector<PeerName>& Routes::broadcast(PeerName origin) const {
  auto known = broadcast_.find(origin);
  if (known != broadcast_.end()) return known->second;
  if (index_of(origin) == kNone) return no_hops;
  return broadcast_[origin] = broadcast_hops(origin, Links::strict);
}

const std::vector<PeerName>& Routes::broadcast_all(PeerName origin) const {
  auto known = broadcast_all_.find(origin);
  if (known != broadcast_all_.end()) return known->second;
  if (index_of(origin) == kNone) return no_hops;
  return broadcast_all_[origin] = broadcast_hops(origin, Links::all);
}

std::vector<PeerName> Routes::random_neighbours(PeerName except, Rng& rng) const {
  std::vector<std::pair<PeerName, std::uint64_t>> candidates;
  std::uint64_t total = 0;
  for (const auto& [neighbour, weight] : weights_) {
    if (neighbour == except) continue;
    candidates.emplace_back(neighbour, weight);
    total += weight;
  }
  // floor(2 log2 n) is the position of the highest bit of n squared.
  std::uint64_t size = std::max<std::size_t>(unicast_all_.size(), 1);
  std::size_t wanted = static_cast<std::size_t>(std::bit_width(size * size)) - 1;
  std::vector<PeerName> chosen;
  while (chosen.size() < wanted && !candidates.empty()) {
    std::uint64_t ticket = rng.below(total);
    auto winner = candidates.begin();
    while (ticket >= winner->second) {
      ticket -= winner->second;
      ++winner;
    }
    chosen.push_back(winner->first);
    total -= winner->second;
    candidates.erase(winner);
  }
  return chosen;
}

Routes::Graph Routes::make_graph(const std::map<PeerName, PeerRecord>& peers) {
  Graph graph;
  graph.names.reserve(peers.size());
  for (const auto& [name, record] : peers)
    graph.names.push_back(name);
  graph.starts.reserve(peers.size() + 1);
  for (const auto& [name, record] : peers) {
    graph.starts.push_back(graph.edges.size());
    auto at = graph.names.begin();
    for (const auto& connection : record.connections) {
      // Both lists are sorted, so the search goes on where it left off.
      at = std::lower_bound(at, graph.names.end(), connection.peer);
      if (at == graph.names.end()) break;
      if (*at != connection.peer) continue;
      graph.edges.push_back(Edge{.to = static_cast<Index>(at - graph.names.begin()),
                                 .established = connection.established});
    }
  }
  graph.starts.push_back(graph.edges.size());
  mark_strict(graph);
  return graph;
}

void Routes::mark_strict(Graph& graph) {
  for (Index from = 0; from < graph.names.size(); ++from) {
    for (std::size_t i = graph.starts[from]; i < graph.starts[from + 1]; ++i) {
      auto& edge = graph.edges[i];
      if (!edge.established) continue;
      auto first = graph.edges.begin() + static_cast<std::ptrdiff_t>(graph.starts[edge.to]);
      auto last = graph.edges.begin() + static_cast<std::ptrdiff_t>(graph.starts[edge.to + 1]);
      auto back = std::lower_bound(first, last, from,
                                   [](const Edge& e, Index index) { return e.to < index; });
      edge.strict = back != last && back->to == from && back->established;
    }
  }
}

bool Routes::same_strict(const Graph& a, const Graph& b) {
  if (a.names != b.names) return false;
  for (std::size_t peer = 0; peer < a.names.size(); ++peer) {
    auto i = a.starts[peer];
    auto j = b.starts[peer];
    for (;;) {
      while (i < a.starts[peer + 1] && !a.edges[i].strict)
        ++i;
      while (j < b.starts[peer + 1] && !b.edges[j].strict)
        ++j;
      bool a_done = i == a.starts[peer + 1];
      bool b_done = j == b.starts[peer + 1];
      if (a_done != b_done) return false;
      if (a_done) break;
      if (a.edges[i++].to != b.edges[j++].to) return false;
    }
  }
  return true;
}

Routes::Index Routes::index_of(PeerName peer) const {
  auto at = std::lower_bound(graph_.names.begin(), graph_.names.end(), peer);
  if (at == graph_.names.end() || *at != peer) return kNone;
  return static_cast<Index>(at - graph_.names.begin());
}

// Breadth first, each level in the order of names: that order decides which of two equally near
// peers claims a third, so it is part of the protocol.
Routes::Search Routes::search(Index start, Index stop_at, Links links) const {
  Search result{.reached = std::vector<bool>(graph_.names.size()),
                .next_hop = std::vector<Index>(graph_.names.size(), kNone)};
  result.reached[start] = true;
  std::vector<Index> work{start};
  std::vector<Index> next;
  while (!work.empty()) {
    std::sort(work.begin(), work.end());
    for (Index current : work) {
      if (current == stop_at) {
        result.found = true;
        return result;
      }
      for (std::size_t i = graph_.starts[current]; i < graph_.starts[current + 1]; ++i) {
        const auto& edge = graph_.edges[i];
        if (links == Links::strict && !edge.strict) continue;
        if (result.reached[edge.to]) continue;
        result.reached[edge.to] = true;
        result.next_hop[edge.to] = current == start ? edge.to : result.next_hop[current];
        next.push_back(edge.to);
      }
    }
    work.swap(next);
    next.clear();
  }
  return result;
}

std::map<PeerName, PeerName> Routes::unicast_table(Links links) const {
  std::map<PeerName, PeerName> table;
  Index self = index_of(self_);
  if (self == kNone) return table;
  auto result = search(self, kNone, links);
  for (Index i = 0; i < graph_.names.size(); ++i) {
    if (!result.reached[i]) continue;
    Index hop = result.next_hop[i];
    table.emplace_hint(table.end(), graph_.names[i], hop == kNone ? PeerName() : graph_.names[hop]);
  }
  return table;
}

std::vector<PeerName> Routes::broadcast_hops(PeerName origin, Links links) const {
  std::vector<PeerName> hops;
  Index self = index_of(self_);
  if (self == kNone) return hops;
  auto result = search(index_of(origin), self, links);
  if (!result.found) return hops;
  for (std::size_t i = graph_.starts[self]; i < graph_.starts[self + 1]; ++i) {
    const auto& edge = graph_.edges[i];
    if (links == Links::strict && !edge.strict) continue;
    if (!result.reached[edge.to]) hops.push_back(graph_.names[edge.to]);
  }
  return hops;
}

}  // namespace weft::gossip
