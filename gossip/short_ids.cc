// SPDX-License-Identifier: Apache-2.0
#include "gossip/short_ids.h"

namespace weft::gossip {

void ShortIds::remove(ShortId id, PeerName peer) {
  auto found = claims_.find(id);
  if (found == claims_.end()) return;
  found->second.erase(peer);
  if (found->second.empty()) claims_.erase(found);
}

std::optional<PeerName> ShortIds::lookup(ShortId id) const {
  auto found = claims_.find(id);
  if (found == claims_.end()) return std::nullopt;
  return *found->second.begin();
}

std::optional<ShortId> ShortIds::pick_free(Rng& rng) const {
  constexpr std::size_t kAll = std::size_t{ShortId::kMax} + 1;
  if (claims_.size() >= kAll) return std::nullopt;
  // The n-th of the free ones: walk the claims in order and step over them.
  std::uint64_t candidate = rng.below(kAll - claims_.size());
  for (const auto& [id, peers] : claims_) {
    if (id.value() > candidate) break;
    ++candidate;
  }
  return ShortId::make(candidate);
}

}  // namespace weft::gossip
