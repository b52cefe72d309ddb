// SPDX-License-Identifier: Apache-2.0
// Our part of every origin's broadcast tree at once. A search from each origin costs the whole
// topology each time; here one pass over it serves 512 origins, as bits of a word row.
#include <algorithm>
#include <array>

#include "gossip/routes.h"

namespace weft::gossip {

// For a block of origins: who of them is within `level` steps of each peer, for growing levels.
// Strict links lead both ways, so steps from an origin and towards it are the same. A neighbour is
// our child in an origin's tree if it is one step further away than we are and nobody with a lower
// name, as near as we are, leads to it.
class Routes::Floods {
 public:
  static constexpr Index kOrigins = 512;
  using Row = std::array<std::uint64_t, kOrigins / 64>;

  Floods(const Routes& routes, Index self, Index first)
      : routes_(routes), self_(self), first_(first), within_(routes.names_.size()) {
    auto count = std::min<std::size_t>(kOrigins, within_.size() - first);
    for (Index i = 0; i < count; ++i)
      within_[first + i][i / 64] |= std::uint64_t{1} << (i % 64);
  }

  // Appends our children in the trees of the block's origins to `hops`, which is by origin.
  void run(std::vector<std::vector<PeerName>>& hops) {
    Row nearer{};
    do {
      Row here = within_[self_];
      for (std::size_t w = 0; w < here.size(); ++w)
        here[w] &= ~nearer[w];
      nearer = within_[self_];
      for (const auto& edge : routes_.edges_[self_]) {
        if (edge.usable(Links::strict)) claim(edge.to, here, hops);
      }
    } while (advance());
  }

 private:
  // `here`: the origins that are just as far from us as the level says.
  void claim(Index child, Row here, std::vector<std::vector<PeerName>>& hops) const {
    auto exclude = [&](const Row& row) {
      for (std::size_t w = 0; w < here.size(); ++w)
        here[w] &= ~row[w];
    };
    exclude(within_[child]);
    for (const auto& edge : routes_.edges_[child]) {
      if (edge.to >= self_) break;
      if (edge.usable(Links::strict)) exclude(within_[edge.to]);
    }
    for (Index i = 0; i < kOrigins; ++i) {
      if ((here[i / 64] >> (i % 64) & 1) != 0) {
        hops[first_ + i].push_back(routes_.names_[child]);
      }
    }
  }

  // One step further. False if nobody is further away.
  bool advance() {
    auto before = within_;
    bool grown = false;
    for (Index at = 0; at < within_.size(); ++at) {
      for (const auto& edge : routes_.edges_[at]) {
        if (!edge.usable(Links::strict)) continue;
        for (std::size_t w = 0; w < Row{}.size(); ++w)
          within_[at][w] |= before[edge.to][w];
      }
      grown = grown || within_[at] != before[at];
    }
    return grown;
  }

  const Routes& routes_;
  Index self_;
  Index first_;
  std::vector<Row> within_;  // by peer: the origins that are not further away than the level
};

std::map<PeerName, std::vector<PeerName>> Routes::broadcast_of_all() const {
  std::vector<std::vector<PeerName>> hops(names_.size());
  Index self = index_of(self_);
  for (Index first = 0; self != kNone && first < names_.size(); first += Floods::kOrigins)
    Floods(*this, self, first).run(hops);
  std::map<PeerName, std::vector<PeerName>> all;
  for (Index i = 0; i < names_.size(); ++i)
    all.emplace_hint(all.end(), names_[i], std::move(hops[i]));
  return all;
}

}  // namespace weft::gossip
