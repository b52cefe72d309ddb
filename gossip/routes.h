// SPDX-License-Identifier: Apache-2.0
// Routes computed from the topology, exactly as every other peer computes them from the same data:
// unicast next hops, broadcast trees, and the random neighbours that gossip goes to. "Strict"
// means over links that both ends call established. A changed record costs its connections; the
// searches are made again only if it can matter. docs/wire/gossip.md.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "gossip/topology_wire.h"

namespace weft::gossip {

class Routes {
 public:
  explicit Routes(PeerName self);
  Routes(Routes&&) noexcept;
  ~Routes();

  // Takes the topology in; true if a route over strict links may have changed. Records whose UID,
  // version and presence of a short ID are as before count as unchanged.
  bool recalculate(const std::map<PeerName, PeerRecord>& peers);

  // Destination to the neighbour to hand to; our own entry holds the unknown name.
  const std::map<PeerName, PeerName>& unicast() const { return unicast_; }
  const std::map<PeerName, PeerName>& unicast_all() const { return unicast_all_; }
  // Our part of the origin's broadcast tree, in order. Computed at the first call, then kept.
  const std::vector<PeerName>& broadcast(PeerName origin) const;
  const std::vector<PeerName>& broadcast_all(PeerName origin) const;
  // broadcast() of every peer. Worked out at the first call, for many origins at a time; from then
  // on kept up, at a cost in proportion to the peers for each changed connection.
  const std::map<PeerName, std::vector<PeerName>>& broadcast_of_all() const;
  // Our neighbours in one tree that joins all peers by connections both ends list: the tree of
  // first paths from the lowest name among them. Ordered.
  const std::vector<PeerName>& tree_neighbours() const { return tree_neighbours_; }
  // Up to 2 log2(peers) neighbours, likelier the more destinations lie behind them.
  std::vector<PeerName> random_neighbours(PeerName except, Rng& rng) const {
    return random_neighbours(std::set{except}, rng);
  }
  std::vector<PeerName> random_neighbours(const std::set<PeerName>& except, Rng& rng) const;
  // Whether a neighbour would still be reached, by connections both ends list, without ours to it.
  bool redundant(PeerName neighbour) const;
  // How many searches over the whole topology were made so far.
  std::uint64_t search_count() const { return search_count_; }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  // Which connections count: all, strict ones, or those that both ends list.
  enum class Links : std::uint8_t { all, strict, mutual };
  static constexpr std::size_t kLinksCount = 3;

  struct Edge {
    Index to = 0;
    bool established = false;
    bool back = false;              // the other end lists it too
    bool back_established = false;  // and calls it established
    bool usable(Links links) const;
  };
  using Edges = std::vector<Edge>;  // sorted by `to`
  struct Stamp {                    // tells versions of a record apart
    PeerUid uid;
    std::uint64_t version = 0;
    bool has_short_id = false;
    std::size_t connections = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct Search {
    bool found = false;
    std::vector<Index> level;     // kNone: not reached
    std::vector<Index> parent;    // kNone for the start
    std::vector<Index> next_hop;  // kNone for the start
  };
  // An edge before and after a change of a record.
  struct Change {
    Index from = 0;
    Index to = 0;
    std::array<bool, kLinksCount> before{};
    std::array<bool, kLinksCount> after{};
  };

  static Stamp stamp(const PeerRecord& record);
  bool same_names(const std::map<PeerName, PeerRecord>& peers) const;
  void rename(const std::map<PeerName, PeerRecord>& peers);
  void search_again();
  bool search_if_needed(const std::vector<Change>& changes);
  Edges edges_of(const PeerRecord& record) const;
  void update(Index from, const PeerRecord& record, std::vector<Change>& changes);
  void set_back(Index from, const Edge& edge, bool present, std::vector<Change>& changes);
  static Edges::const_iterator edge_to(const Edges& edges, Index to);  // end: there is none
  Edge* find_edge(Index from, Index to);
  static std::array<bool, kLinksCount> usability(const Edge* edge);
  bool affects(const Search& tree, Links links, const Change& change) const;
  void search_all();
  void search_strict();
  void search_tree();
  Index index_of(PeerName peer) const;  // kNone if unknown
  Search search(Index start, Index stop_at, Links links) const;
  void fill(std::map<PeerName, PeerName>& table, const Search& result) const;
  std::vector<PeerName> broadcast_hops(PeerName origin, Links links) const;
  void update_floods(const std::vector<Change>& changes);
  void forget_floods();

  class Floods;

  PeerName self_;
  std::vector<PeerName> names_;  // sorted; an index is a place in here
  std::vector<Stamp> stamps_;
  std::vector<Edges> edges_;
  Search all_;
  Search strict_;
  Search tree_;
  std::map<PeerName, PeerName> unicast_;
  std::map<PeerName, PeerName> unicast_all_;
  // Neighbours and how many destinations lie behind each, ordered by name.
  std::vector<std::pair<PeerName, std::uint64_t>> weights_;
  std::vector<PeerName> tree_neighbours_;
  mutable std::map<PeerName, std::vector<PeerName>> broadcast_;
  mutable std::map<PeerName, std::vector<PeerName>> broadcast_all_;
  mutable std::unique_ptr<Floods> floods_;
  mutable std::uint64_t search_count_ = 0;
};

}  // namespace weft::gossip
