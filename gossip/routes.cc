// SPDX-License-Identifier: Apache-2.0
#include "gossip/routes.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weft::gossip {

namespace {

const std::vector<PeerName> kNoHops;

}  // namespace

bool Routes::Edge::usable(Links links) const {
  switch (links) {
    case Links::all:
      return true;
    case Links::strict:
      return established && back_established;
    case Links::mutual:
      return back;
  }
  return false;
}

bool Routes::recalculate(const std::map<PeerName, PeerRecord>& peers) {
  bool renamed = !same_names(peers);
  if (renamed) rename(peers);
  std::vector<Change> changes;
  Index at = 0;
  for (const auto& [name, record] : peers) {
    auto now = stamp(record);
    // Who was not known until now may be at the other end of a connection that was.
    bool incomplete = renamed && edges_[at].size() != record.connections.size();
    if (now != stamps_[at] || incomplete) {
      stamps_[at] = now;
      update(at, record, changes);
    }
    ++at;
  }
  if (renamed) {
    search_again();
    return true;
  }
  return search_if_needed(changes);
}

bool Routes::search_if_needed(const std::vector<Change>& changes) {
  std::array<bool, kLinksCount> differs{};
  std::array<bool, kLinksCount> matters{};
  const std::array<const Search*, kLinksCount> trees{&all_, &strict_, &tree_};
  for (const auto& change : changes) {
    for (std::size_t i = 0; i < kLinksCount; ++i) {
      if (change.before[i] == change.after[i]) continue;
      differs[i] = true;
      matters[i] = matters[i] || affects(*trees[i], static_cast<Links>(i), change);
    }
  }
  constexpr auto kAll = static_cast<std::size_t>(Links::all);
  constexpr auto kStrict = static_cast<std::size_t>(Links::strict);
  if (differs[kAll]) broadcast_all_.clear();
  if (differs[kStrict]) {
    broadcast_.clear();
    update_floods(changes);
  }
  if (matters[kAll]) search_all();
  if (matters[kStrict]) search_strict();
  if (matters[static_cast<std::size_t>(Links::mutual)]) search_tree();
  return differs[kStrict];
}

const std::vector<PeerName>& Routes::broadcast(PeerName origin) const {
  auto known = broadcast_.find(origin);
  if (known != broadcast_.end()) return known->second;
  if (index_of(origin) == kNone) return kNoHops;
  return broadcast_[origin] = broadcast_hops(origin, Links::strict);
}

const std::vector<PeerName>& Routes::broadcast_all(PeerName origin) const {
  auto known = broadcast_all_.find(origin);
  if (known != broadcast_all_.end()) return known->second;
  if (index_of(origin) == kNone) return kNoHops;
  return broadcast_all_[origin] = broadcast_hops(origin, Links::all);
}

std::vector<PeerName> Routes::random_neighbours(const std::set<PeerName>& except, Rng& rng) const {
  std::vector<std::pair<PeerName, std::uint64_t>> candidates;
  std::uint64_t total = 0;
  for (const auto& [neighbour, weight] : weights_) {
    if (except.count(neighbour) != 0) continue;
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

bool Routes::redundant(PeerName neighbour) const {
  Index self = index_of(self_);
  Index goal = index_of(neighbour);
  if (self == kNone || goal == kNone) return false;
  // From the far end, which is usually found again after two steps.
  std::vector<bool> reached(names_.size());
  std::vector<Index> open{goal};
  reached[goal] = true;
  for (std::size_t i = 0; i < open.size(); ++i) {
    for (const auto& edge : edges_[open[i]]) {
      if (!edge.back || reached[edge.to] || (open[i] == goal && edge.to == self)) continue;
      if (edge.to == self) return true;
      reached[edge.to] = true;
      open.push_back(edge.to);
    }
  }
  return false;
}

Routes::Stamp Routes::stamp(const PeerRecord& record) {
  return {.uid = record.uid,
          .version = record.version,
          .has_short_id = record.short_id.has_value(),
          .connections = record.connections.size()};
}

bool Routes::same_names(const std::map<PeerName, PeerRecord>& peers) const {
  return std::equal(peers.begin(), peers.end(), names_.begin(), names_.end(),
                    [](const auto& peer, PeerName name) { return peer.first == name; });
}

// Gives indices to whom the topology knows now. Edges follow them, which costs no search: in a
// large mesh somebody comes or goes all the time.
void Routes::rename(const std::map<PeerName, PeerRecord>& peers) {
  std::vector<PeerName> names;
  names.reserve(peers.size());
  std::vector<Index> moved(names_.size(), kNone);
  std::vector<Index> before;  // of each new index; kNone: a newcomer
  Index old = 0;
  for (const auto& [name, record] : peers) {
    while (old < names_.size() && names_[old] < name)
      ++old;
    bool stays = old < names_.size() && names_[old] == name;
    if (stays) moved[old] = static_cast<Index>(names.size());
    before.push_back(stays ? old : kNone);
    names.push_back(name);
  }
  std::vector<Stamp> stamps(names.size());
  std::vector<Edges> edges(names.size());
  for (Index i = 0; i < names.size(); ++i) {
    if (before[i] == kNone) continue;
    stamps[i] = stamps_[before[i]];
    edges[i] = std::move(edges_[before[i]]);
    std::erase_if(edges[i], [&](const Edge& edge) { return moved[edge.to] == kNone; });
    for (auto& edge : edges[i])
      edge.to = moved[edge.to];
  }
  names_ = std::move(names);
  stamps_ = std::move(stamps);
  edges_ = std::move(edges);
}

void Routes::search_again() {
  broadcast_.clear();
  broadcast_all_.clear();
  forget_floods();
  search_all();
  search_strict();
  search_tree();
}

Routes::Edges Routes::edges_of(const PeerRecord& record) const {
  Edges edges;
  edges.reserve(record.connections.size());
  auto at = names_.begin();
  for (const auto& connection : record.connections) {
    // Both lists are sorted, so the search goes on where it left off; often it is the next.
    if (at != names_.end() && *at < connection.peer) ++at;
    if (at != names_.end() && *at < connection.peer) {
      at = std::lower_bound(at, names_.end(), connection.peer);
    }
    if (at == names_.end()) break;
    if (*at != connection.peer) continue;
    edges.push_back(
        Edge{.to = static_cast<Index>(at - names_.begin()), .established = connection.established});
  }
  return edges;
}

void Routes::update(Index from, const PeerRecord& record, std::vector<Change>& changes) {
  auto old = std::exchange(edges_[from], edges_of(record));
  auto was = old.begin();
  auto dropped = [&] {
    set_back(from, *was++, false, changes);
  };
  for (auto& edge : edges_[from]) {
    while (was != old.end() && was->to < edge.to)
      dropped();
    bool same = was != old.end() && was->to == edge.to;
    if (same) {
      edge.back = was->back;
      edge.back_established = was->back_established;
    } else if (const auto* back = find_edge(edge.to, from)) {
      edge.back = true;
      edge.back_established = back->established;
    }
    // The edge back must know even what makes no difference on the way there.
    bool told = same && was->established == edge.established;
    Change change{.from = from, .to = edge.to, .after = usability(&edge)};
    if (same) change.before = usability(&*was++);
    if (change.before != change.after) changes.push_back(change);
    if (!told) set_back(from, edge, true, changes);
  }
  while (was != old.end())
    dropped();
}

// Tells the edge that leads back of `edge`, which starts at `from`, what has become of it.
void Routes::set_back(Index from, const Edge& edge, bool present, std::vector<Change>& changes) {
  if (!present) {
    changes.push_back({.from = from, .to = edge.to, .before = usability(&edge)});
  }
  auto* back = find_edge(edge.to, from);
  if (back == nullptr) return;
  Change change{.from = edge.to, .to = from, .before = usability(back)};
  back->back = present;
  back->back_established = present && edge.established;
  change.after = usability(back);
  if (change.before != change.after) changes.push_back(change);
}

Routes::Edges::const_iterator Routes::edge_to(const Edges& edges, Index to) {
  auto at = std::lower_bound(edges.begin(), edges.end(), to,
                             [](const Edge& edge, Index index) { return edge.to < index; });
  return at != edges.end() && at->to == to ? at : edges.end();
}

Routes::Edge* Routes::find_edge(Index from, Index to) {
  auto& edges = edges_[from];
  auto at = edge_to(edges, to);
  return at != edges.end() ? &edges[static_cast<std::size_t>(at - edges.begin())] : nullptr;
}

std::array<bool, Routes::kLinksCount> Routes::usability(const Edge* edge) {
  return {edge->usable(Links::all), edge->usable(Links::strict), edge->usable(Links::mutual)};
}

// Of a search breadth first only two things matter: an edge of the tree that goes, and an edge that
// leads somewhere sooner, or as soon from a lower name.
bool Routes::affects(const Search& tree, Links links, const Change& change) const {
  auto level = tree.level[change.from];
  if (level == kNone) return false;
  if (!change.after[static_cast<std::size_t>(links)]) return tree.parent[change.to] == change.from;
  auto there = tree.level[change.to];
  if (there == kNone || level + 1 < there) return true;
  return level + 1 == there && change.from < tree.parent[change.to];
}

void Routes::search_all() {
  all_ = search(index_of(self_), kNone, Links::all);
  fill(unicast_all_, all_);
  std::vector<std::uint64_t> behind(names_.size());
  for (Index i = 0; i < names_.size(); ++i) {
    if (all_.level[i] != kNone && all_.next_hop[i] != kNone) ++behind[all_.next_hop[i]];
  }
  weights_.clear();
  for (Index i = 0; i < names_.size(); ++i) {
    if (behind[i] != 0) weights_.emplace_back(names_[i], behind[i]);
  }
}

void Routes::search_strict() {
  strict_ = search(index_of(self_), kNone, Links::strict);
  fill(unicast_, strict_);
}

void Routes::search_tree() {
  tree_neighbours_.clear();
  Index self = index_of(self_);
  tree_ = search(self, kNone, Links::mutual);
  if (self == kNone) return;
  Index root = 0;
  while (tree_.level[root] == kNone)
    ++root;
  if (root != self) tree_ = search(root, kNone, Links::mutual);
  for (const auto& edge : edges_[self]) {
    if (!edge.back) continue;
    if (tree_.parent[self] == edge.to || tree_.parent[edge.to] == self) {
      tree_neighbours_.push_back(names_[edge.to]);
    }
  }
}

Routes::Index Routes::index_of(PeerName peer) const {
  auto at = std::lower_bound(names_.begin(), names_.end(), peer);
  if (at == names_.end() || *at != peer) return kNone;
  return static_cast<Index>(at - names_.begin());
}

// Breadth first, each level in the order of names: that order decides which of two equally near
// peers claims a third, so it is part of the protocol. Once all are reached nothing more can come.
Routes::Search Routes::search(Index start, Index stop_at, Links links) const {
  ++search_count_;
  std::vector<Index> nowhere(names_.size(), kNone);
  Search result{.level = nowhere, .parent = nowhere, .next_hop = nowhere};
  if (start == kNone) return result;
  result.level[start] = 0;
  std::size_t reached = 1;
  std::vector<Index> work{start};
  std::vector<Index> next;
  for (Index level = 1; !work.empty() && reached < names_.size(); ++level) {
    std::sort(work.begin(), work.end());
    for (Index current : work) {
      if (current == stop_at) {
        result.found = true;
        return result;
      }
      for (const auto& edge : edges_[current]) {
        if (result.level[edge.to] != kNone || !edge.usable(links)) continue;
        result.level[edge.to] = level;
        result.parent[edge.to] = current;
        result.next_hop[edge.to] = current == start ? edge.to : result.next_hop[current];
        next.push_back(edge.to);
      }
    }
    reached += next.size();
    work.swap(next);
    next.clear();
  }
  result.found = stop_at != kNone && result.level[stop_at] != kNone;
  return result;
}

// Most of a table is as it was: what stays is kept where it is.
void Routes::fill(std::map<PeerName, PeerName>& table, const Search& result) const {
  auto at = table.begin();
  for (Index i = 0; i < names_.size(); ++i) {
    if (result.level[i] == kNone) continue;
    while (at != table.end() && at->first < names_[i])
      at = table.erase(at);
    auto hop = result.next_hop[i] == kNone ? PeerName() : names_[result.next_hop[i]];
    if (at != table.end() && at->first == names_[i]) {
      (at++)->second = hop;
    } else {
      table.emplace_hint(at, names_[i], hop);
    }
  }
  table.erase(at, table.end());
}

std::vector<PeerName> Routes::broadcast_hops(PeerName origin, Links links) const {
  std::vector<PeerName> hops;
  Index self = index_of(self_);
  if (self == kNone) return hops;
  auto result = search(index_of(origin), self, links);
  if (!result.found) return hops;
  for (const auto& edge : edges_[self]) {
    if (edge.usable(links) && result.level[edge.to] == kNone) hops.push_back(names_[edge.to]);
  }
  return hops;
}

}  // namespace weft::gossip
