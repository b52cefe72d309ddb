// SPDX-License-Identifier: Apache-2.0
// Our part of every origin's broadcast tree. It follows from how far each peer is from each origin.
// A search from each origin would cost the whole topology each time; here one pass over it serves
// 512 origins, as bits of a word row. Then the distances are kept: a connection that comes or goes
// costs a look at each origin's two, and a search from those few for which they change.
#include <algorithm>
#include <array>
#include <bit>

#include "gossip/routes.h"

namespace weft::gossip {

// Strict links lead both ways, so steps from an origin and towards it are the same. A neighbour is
// our child in an origin's tree if it is one step further away than we are and nobody with a lower
// name, as near as we are, leads to it.
class Routes::Floods {
 public:
  explicit Floods(const Routes& routes);

  const std::map<PeerName, std::vector<PeerName>>& hops() const { return hops_; }
  // Takes changed connections in. False: this costs no less than to begin anew.
  bool update(const Routes& routes, const std::vector<Change>& changes);

 private:
  using Level = std::uint16_t;  // steps from an origin; kPeersMax is less than kFar
  static constexpr Level kFar = 0xffff;
  static constexpr Index kBlock = 512;
  // Distances take the square of the number of peers. Of more peers than this they are not kept.
  static constexpr Index kKeptMax = 4096;
  // Searches from single origins that cost about as much as one pass for all.
  static constexpr std::size_t kSearchesMax = 32;
  using Row = std::array<std::uint64_t, kBlock / 64>;

  Level* levels_of(Index origin) { return &levels_[std::size_t{origin} * size_]; }
  static void pass(const Routes& routes, Index first, Index count, Level* levels);
  static void search(const Routes& routes, Index origin, Level* levels, std::size_t size);
  static bool differs(const Routes& routes, Index u, Index v, const Level* levels);
  bool is_child(const Routes& routes, Index child, const Level* levels) const;
  void choose(const Routes& routes, Index origin, const Level* levels);
  void choose_again(const Routes& routes, Index origin, Index child);

  Index self_;
  std::size_t size_;
  std::vector<Level> levels_;  // by origin, then by peer; empty: not kept
  std::map<PeerName, std::vector<PeerName>> hops_;
  std::vector<std::vector<PeerName>*> hops_of_;  // the same by origin's index
};

Routes::Floods::Floods(const Routes& routes)
    : self_(routes.index_of(routes.self_)), size_(routes.names_.size()) {
  for (PeerName name : routes.names_)
    hops_of_.push_back(&hops_.emplace_hint(hops_.end(), name, std::vector<PeerName>())->second);
  if (self_ == kNone) return;
  bool kept = size_ <= kKeptMax;
  std::vector<Level> block;
  for (Index first = 0; first < size_; first += kBlock) {
    auto count = static_cast<Index>(std::min<std::size_t>(kBlock, size_ - first));
    block.assign(count * size_, kFar);
    pass(routes, first, count, block.data());
    for (Index i = 0; i < count; ++i)
      choose(routes, first + i, &block[i * size_]);
    if (kept) levels_.insert(levels_.end(), block.begin(), block.end());
  }
}

// `levels`: of `count` origins from `first` on, all kFar; gets their distances.
void Routes::Floods::pass(const Routes& routes, Index first, Index count, Level* levels) {
  const std::size_t size = routes.names_.size();
  std::vector<Row> within(size);  // by peer: the origins that are not further away than the level
  for (Index i = 0; i < count; ++i) {
    within[first + i][i / 64] |= std::uint64_t{1} << (i % 64);
    levels[i * size + first + i] = 0;
  }
  bool grown = true;
  for (Level level = 1; grown; ++level) {
    grown = false;
    auto before = within;
    for (Index at = 0; at < size; ++at) {
      for (const auto& edge : routes.edges_[at]) {
        if (!edge.usable(Links::strict)) continue;
        for (std::size_t w = 0; w < Row{}.size(); ++w)
          within[at][w] |= before[edge.to][w];
      }
      for (std::size_t w = 0; w < Row{}.size(); ++w) {
        auto fresh = within[at][w] & ~before[at][w];
        grown = grown || fresh != 0;
        for (; fresh != 0; fresh &= fresh - 1)
          levels[(w * 64 + static_cast<std::size_t>(std::countr_zero(fresh))) * size + at] = level;
      }
    }
  }
}

// One origin's distances, breadth first until nobody is left to be found.
void Routes::Floods::search(const Routes& routes, Index origin, Level* levels, std::size_t size) {
  std::fill(levels, levels + size, kFar);
  levels[origin] = 0;
  std::vector<Index> open{origin};
  for (std::size_t i = 0; i < open.size() && open.size() < size; ++i) {
    for (const auto& edge : routes.edges_[open[i]]) {
      if (levels[edge.to] != kFar || !edge.usable(Links::strict)) continue;
      levels[edge.to] = static_cast<Level>(levels[open[i]] + 1);
      open.push_back(edge.to);
    }
  }
}

// Whether a connection's change can alter an origin's distances: one that is there now if its ends
// are two or more steps apart, one that is not if it was the only way to the further end.
bool Routes::Floods::differs(const Routes& routes, Index u, Index v, const Level* levels) {
  auto [near, far] = std::minmax(levels[u], levels[v]);
  auto edge = edge_to(routes.edges_[u], v);
  if (edge != routes.edges_[u].end() && edge->usable(Links::strict)) return far - near >= 2;
  if (far - near != 1) return false;
  const auto& ways = routes.edges_[levels[u] == far ? u : v];
  return std::none_of(ways.begin(), ways.end(), [&, wanted = near](const Edge& way) {
    return way.usable(Links::strict) && levels[way.to] == wanted;
  });
}

bool Routes::Floods::update(const Routes& routes, const std::vector<Change>& changes) {
  constexpr auto kStrict = static_cast<std::size_t>(Links::strict);
  if (self_ == kNone) return true;
  if (levels_.empty()) return false;
  std::set<std::pair<Index, Index>> pairs;
  std::set<Index> children;  // neighbours of ours, now or until now, that a change is about
  for (const Change& change : changes) {
    if (change.before[kStrict] == change.after[kStrict]) continue;
    pairs.emplace(std::minmax(change.from, change.to));
    for (Index end : {change.from, change.to}) {
      if (end != self_) children.insert(end);
    }
  }
  std::size_t searches = 0;
  for (Index origin = 0; origin < size_; ++origin) {
    Level* levels = levels_of(origin);
    bool stale = std::any_of(pairs.begin(), pairs.end(), [&](auto pair) {
      return differs(routes, pair.first, pair.second, levels);
    });
    if (stale && ++searches > kSearchesMax) return false;
    if (stale) {
      search(routes, origin, levels, size_);
      choose(routes, origin, levels);
    } else {
      for (Index child : children)
        choose_again(routes, origin, child);
    }
  }
  return true;
}

bool Routes::Floods::is_child(const Routes& routes, Index child, const Level* levels) const {
  const Level ours = levels[self_];
  if (ours == kFar || levels[child] != ours + 1) return false;
  for (const auto& edge : routes.edges_[child]) {
    if (edge.to > self_) return false;
    if (edge.usable(Links::strict) && levels[edge.to] == ours) return edge.to == self_;
  }
  return false;
}

void Routes::Floods::choose(const Routes& routes, Index origin, const Level* levels) {
  auto& hops = *hops_of_[origin];
  hops.clear();
  for (const auto& edge : routes.edges_[self_]) {
    if (is_child(routes, edge.to, levels)) hops.push_back(routes.names_[edge.to]);
  }
}

void Routes::Floods::choose_again(const Routes& routes, Index origin, Index child) {
  auto& hops = *hops_of_[origin];
  PeerName name = routes.names_[child];
  auto at = std::lower_bound(hops.begin(), hops.end(), name);
  bool was = at != hops.end() && *at == name;
  bool is = is_child(routes, child, levels_of(origin));
  if (is && !was) hops.insert(at, name);
  if (was && !is) hops.erase(at);
}

Routes::Routes(PeerName self) : self_(self) {}
Routes::Routes(Routes&&) noexcept = default;
Routes::~Routes() = default;

void Routes::update_floods(const std::vector<Change>& changes) {
  if (floods_ && !floods_->update(*this, changes)) forget_floods();
}

void Routes::forget_floods() {
  floods_.reset();
}

const std::map<PeerName, std::vector<PeerName>>& Routes::broadcast_of_all() const {
  if (!floods_) floods_ = std::make_unique<Floods>(*this);
  return floods_->hops();
}

}  // namespace weft::gossip
