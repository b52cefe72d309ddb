// SPDX-License-Identifier: Apache-2.0
// Routes computed from the topology, exactly as every other peer computes them from the same data:
// unicast next hops, broadcast trees, and the random neighbours that gossip goes to. "Strict"
// means over links that both ends call established. docs/wire/gossip.md.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "gossip/topology_wire.h"

namespace weft::gossip {

class Routes {
 public:
  explicit Routes(PeerName self) : self_(self) {}

  // Takes the topology in; true if a route over strict links may have changed.
  bool recalculate(const std::map<PeerName, PeerRecord>& peers);

  // Destination to the neighbour to hand to; our own entry holds the unknown name.
  const std::map<PeerName, PeerName>& unicast() const { return unicast_; }
  const std::map<PeerName, PeerName>& unicast_all() const { return unicast_all_; }
  // Our part of the origin's broadcast tree, in order. Computed at the first call, then kept.
  const std::vector<PeerName>& broadcast(PeerName origin) const;
  const std::vector<PeerName>& broadcast_all(PeerName origin) const;
  // Up to 2 log2(peers) neighbours, likelier the more destinations lie behind them.
  std::vector<PeerName> random_neighbours(PeerName except, Rng& rng) const;

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  enum class Links : std::uint8_t { all, strict };

  struct Edge {
    Index to = 0;
    bool established = false;
    bool strict = false;  // established here and on the way back
    friend bool operator==(const Edge&, const Edge&) = default;
  };
  struct Graph {
    std::vector<PeerName> names;      // sorted; an index is a place in here
    std::vector<std::size_t> starts;  // first edge of each peer, and one past the last
    std::vector<Edge> edges;          // sorted by `to` within one peer
    friend bool operator==(const Graph&, const Graph&) = default;
  };
  struct Search {
    bool found = false;
    std::vector<bool> reached;
    std::vector<Index> next_hop;  // kNone for the start
  };

  static Graph make_graph(const std::map<PeerName, PeerRecord>& peers);
  static void mark_strict(Graph& graph);
  static bool same_strict(const Graph& a, const Graph& b);
  Index index_of(PeerName peer) const;  // kNone if unknown
  Search search(Index start, Index stop_at, Links links) const;
  std::map<PeerName, PeerName> unicast_table(Links links) const;
  std::vector<PeerName> broadcast_hops(PeerName origin, Links links) const;

  PeerName self_;
  Graph graph_;
  std::map<PeerName, PeerName> unicast_;
  std::map<PeerName, PeerName> unicast_all_;
  std::map<PeerName, std::uint64_t> weights_;  // neighbour -> destinations behind it
  mutable std::map<PeerName, std::vector<PeerName>> broadcast_;
  mutable std::map<PeerName, std::vector<PeerName>> broadcast_all_;
};

}  // namespace weft::gossip
