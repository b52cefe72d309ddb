// SPDX-License-Identifier: Apache-2.0
// Who goes by which 12-bit short ID. Several peers may claim one; the lowest name wins it.
// docs/wire/gossip.md.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/peer_name.h"
#include "base/rng.h"

namespace weft::gossip {

class ShortIds {
 public:
  void add(ShortId id, PeerName peer) { claims_[id].insert(peer); }
  void remove(ShortId id, PeerName peer);
  // The owner of the ID.
  std::optional<PeerName> lookup(ShortId id) const;
  // A random ID that nobody claims, or nothing if all are taken.
  std::optional<ShortId> pick_free(Rng& rng) const;

 private:
  std::map<ShortId, std::set<PeerName>> claims_;  // no empty sets
};

}  // namespace weft::gossip
