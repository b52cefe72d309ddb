// SPDX-License-Identifier: Apache-2.0
#include "router/overlay/forward_table.h"

#include <algorithm>

namespace weft::overlay {

void ForwardTable::assign(const std::map<PeerName, PeerName>& unicast,
                          const std::map<PeerName, std::vector<PeerName>>& broadcast_hops) {
  unicast_.clear();
  broadcast_.clear();
  hops_.clear();
  for (const auto& [destination, next_hop] : unicast)
    unicast_.push_back({destination, next_hop});
  for (const auto& [origin, hops] : broadcast_hops) {
    broadcast_.push_back({origin, hops_.size(), hops.size()});
    hops_.insert(hops_.end(), hops.begin(), hops.end());
  }
}

const ForwardTable::Unicast* ForwardTable::unicast(PeerName destination) const {
  const auto at = std::ranges::lower_bound(unicast_, destination, {}, &Unicast::destination);
  return at != unicast_.end() && at->destination == destination ? &*at : nullptr;
}

const ForwardTable::Broadcast* ForwardTable::broadcast(PeerName origin) const {
  const auto at = std::ranges::lower_bound(broadcast_, origin, {}, &Broadcast::origin);
  return at != broadcast_.end() && at->origin == origin ? &*at : nullptr;
}

std::optional<PeerName> ForwardTable::next_hop(PeerName destination) const {
  const Unicast* route = unicast(destination);
  if (route == nullptr || !route->next_hop.known()) return std::nullopt;
  return route->next_hop;
}

std::span<const PeerName> ForwardTable::flood_hops(PeerName origin) const {
  const Broadcast* tree = broadcast(origin);
  if (tree == nullptr) return {};
  return std::span(hops_).subspan(tree->first, tree->count);
}

bool ForwardTable::knows(PeerName peer) const {
  return unicast(peer) != nullptr || broadcast(peer) != nullptr;
}

}  // namespace weft::overlay
