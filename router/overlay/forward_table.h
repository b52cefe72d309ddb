// SPDX-License-Identifier: Apache-2.0
// The strict routes of the mesh in a flat form for look-ups per frame: the next hop towards each
// peer, and the hops of each origin's broadcast tree. Replaced whole when routes change.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/peer_name.h"

namespace weft::overlay {

class ForwardTable {
 public:
  void assign(const std::map<PeerName, PeerName>& unicast,
              const std::map<PeerName, std::vector<PeerName>>& broadcast_hops);

  // The neighbour towards `destination`; nothing for ourselves and for peers without a route.
  std::optional<PeerName> next_hop(PeerName destination) const;
  // Where a frame flooded by `origin` goes from here; empty for an unknown origin.
  std::span<const PeerName> flood_hops(PeerName origin) const;
  // True if either table names the peer.
  bool knows(PeerName peer) const;

 private:
  struct Unicast {
    PeerName destination;
    PeerName next_hop;
  };
  struct Broadcast {
    PeerName origin;
    std::size_t first = 0;  // in hops_
    std::size_t count = 0;
  };
  const Unicast* unicast(PeerName destination) const;
  const Broadcast* broadcast(PeerName origin) const;

  std::vector<Unicast> unicast_;      // by destination
  std::vector<Broadcast> broadcast_;  // by origin
  std::vector<PeerName> hops_;
};

}  // namespace weft::overlay
