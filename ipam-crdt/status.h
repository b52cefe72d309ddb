// SPDX-License-Identifier: Apache-2.0
// What operators see of the allocator: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/peer_name.h"
#include "base/time_point.h"

namespace weft::ipam {

struct RingEntryStatus {
  Ipv4Addr token;
  std::uint32_t size = 0;
  PeerName peer;
  std::string nickname;
  bool known_peer = false;  // the mesh knows the owner now
  std::uint32_t version = 0;
  std::uint32_t free = 0;
};

struct PaxosStatus {
  bool elector = false;
  std::size_t known_nodes = 0;
  std::size_t quorum = 0;
};

struct PendingStatus {
  std::string ident;
  std::string what;    // the subnet or the claimed address
  std::string reason;  // what it waits for
};

// An address that somebody here holds though its range is no longer ours: it may be given to
// another container elsewhere.
struct StrayStatus {
  std::string ident;
  Cidr address;
  std::optional<PeerName> owner;  // of the range, if there is a ring
};

// A ring that was divided among other peers than ours: two meshes that each formed alone have met.
struct SeedConflictStatus {
  PeerName holder;  // of the copy that was refused
  std::string nickname;
  std::vector<PeerName> theirs;
  std::vector<PeerName> ours;
  TimePoint heard;  // last
};

// How much the allocator holds of what peers and clients can make it hold.
struct AllocatorLoad {
  std::size_t primes = 0;
  std::size_t claims = 0;
  std::size_t allocates = 0;
  std::size_t asks = 0;
  std::size_t nicknames = 0;
  std::size_t entries = 0;  // of the ring
  std::size_t voters = 0;   // known to the vote for the first ring
  std::size_t seed_conflicts = 0;
};

struct AllocatorStatus {
  std::optional<PaxosStatus> paxos;  // only while there is no ring
  IpRange universe;
  std::string universe_text;
  std::string default_subnet;
  std::uint64_t universe_size = 0;
  std::uint64_t active = 0;  // addresses allocated here, inside the universe
  std::vector<RingEntryStatus> entries;
  std::vector<PendingStatus> pending_allocates;
  std::vector<PendingStatus> pending_claims;
  std::vector<StrayStatus> strays;
  std::vector<SeedConflictStatus> seed_conflicts;
  bool pending_prime = false;
  bool shut_down = false;
};

}  // namespace weft::ipam
