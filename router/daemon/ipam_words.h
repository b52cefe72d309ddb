// SPDX-License-Identifier: Apache-2.0
// The address space as operators speak of it: who owns how much, and in one word how IPAM is.
#pragma once

#include <string>
#include <vector>

#include "gossip/status.h"
#include "ipam-crdt/status.h"

namespace weft::daemon {

struct Share {  // what one peer owns of the range
  PeerName peer;
  std::string nickname;
  std::uint64_t size = 0;
  bool known = false;  // the mesh knows the peer now
};

// An owner whose nickname no message about addresses has told yet, as after a restart, has the one
// that the mesh knows it by.
void add_nicknames(const std::vector<gossip::PeerStatus>& peers, ipam::AllocatorStatus& status);

// One per owner: `self` first, then in the order of the ring.
std::vector<Share> shares(const ipam::AllocatorStatus& status, PeerName self);

// Of a ring with other seeds than ours that nobody has told of for this long, the operator is told
// no more. A link is tried again after at most nine minutes, so twice that means that it was
// mended.
inline constexpr Duration kSeedConflictLasts = std::chrono::minutes(18);
std::vector<ipam::SeedConflictStatus> seed_conflicts(const ipam::AllocatorStatus& status,
                                                     TimePoint now);
std::string seeds_text(const std::vector<PeerName>& seeds);  // with commas between
// Both seeds, what it means, and the commands that mend it.
std::string seed_conflict_text(const ipam::SeedConflictStatus& conflict);

// The words after "Status:".
std::string ipam_state(const ipam::AllocatorStatus& status);

// "10.32.0.0/12", even if only the numbers are known.
std::string range_text(const ipam::AllocatorStatus& status);

}  // namespace weft::daemon
