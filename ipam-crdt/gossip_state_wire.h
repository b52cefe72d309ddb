// SPDX-License-Identifier: Apache-2.0
// What peers gossip on the channel "IPallocation":
// struct {Now i, Nicknames map[u]string, Paxos map[NodeID]NodeClaims, Ring *Ring}.
// With a ring: the steady state. Without, but with Paxos, even an empty one: an elector. With
// neither: somebody who waits to be given a ring.  Source: weave-protocol/ipam.md 1.1, 1.3
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/peer_name.h"
#include "base/result.h"
#include "ipam-crdt/paxos.h"
#include "ipam-crdt/ring.h"

namespace weft::ipam {

using Nicknames = std::map<PeerName, std::string>;

struct GossipState {
  std::int64_t now = 0;  // seconds since 1970; for information only
  Nicknames nicknames;
  std::optional<PaxosState> paxos;
  std::optional<RingData> ring;
};

Result<GossipState> parse_state(ByteView in);

// What write_state writes, owned by others.
struct GossipStateView {
  std::int64_t now = 0;
  const Nicknames& nicknames;
  const PaxosState* paxos = nullptr;
  const RingData* ring = nullptr;
};
Bytes write_state(const GossipStateView& state);

}  // namespace weft::ipam
