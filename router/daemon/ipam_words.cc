// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/ipam_words.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "router/daemon/words.h"

namespace weft::daemon {

void add_nicknames(const std::vector<gossip::PeerStatus>& peers, ipam::AllocatorStatus& status) {
  std::map<PeerName, std::string_view> names;
  for (const gossip::PeerStatus& peer : peers)
    names[peer.name] = peer.nickname;
  for (ipam::RingEntryStatus& entry : status.entries) {
    if (entry.nickname.empty()) entry.nickname = names[entry.peer];
  }
}

std::vector<Share> shares(const ipam::AllocatorStatus& status, PeerName self) {
  std::vector<Share> out;
  std::map<PeerName, std::size_t> place;
  for (const ipam::RingEntryStatus& entry : status.entries) {
    auto [at, is_new] = place.emplace(entry.peer, out.size());
    if (is_new) out.push_back({.peer = entry.peer, .nickname = entry.nickname});
    Share& share = out[at->second];
    share.size += entry.size;
    share.known = share.known || entry.known_peer || entry.peer == self;
  }
  std::stable_partition(out.begin(), out.end(), [&](const Share& s) { return s.peer == self; });
  return out;
}

std::vector<ipam::SeedConflictStatus> seed_conflicts(const ipam::AllocatorStatus& status,
                                                     TimePoint now) {
  std::vector<ipam::SeedConflictStatus> out = status.seed_conflicts;
  std::erase_if(out, [&](const auto& c) { return now > c.heard + kSeedConflictLasts; });
  return out;
}

std::string seeds_text(const std::vector<PeerName>& seeds) {
  std::vector<std::string> texts;
  texts.reserve(seeds.size());
  for (PeerName peer : seeds)
    texts.push_back(peer.text());
  return join(texts, ",");
}

std::string seed_conflict_text(const ipam::SeedConflictStatus& conflict) {
  return "two address rings have met: that of " + peer_label(conflict.holder, conflict.nickname) +
         " was seeded by " + seeds_text(conflict.theirs) + ", ours by " +
         seeds_text(conflict.ours) +
         "; each side goes on with its own, and the two do not connect; on every host of one side "
         "run: weave reset; then launch it there again with the other side's peers";
}

std::string ipam_state(const ipam::AllocatorStatus& status) {
  if (!status.entries.empty()) {
    const bool anybody_known =
        std::any_of(status.entries.begin(), status.entries.end(),
                    [](const ipam::RingEntryStatus& e) { return e.size > 0 && e.known_peer; });
    if (!anybody_known) {
      return "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead";
    }
    return status.pending_allocates.empty() ? "ready" : "waiting for IP(s) to become available";
  }
  if (!status.paxos) return "idle";
  if (!status.paxos->elector) return "priming";
  return "awaiting consensus (quorum: " + std::to_string(status.paxos->quorum) +
         ", known: " + std::to_string(status.paxos->known_nodes) + ")";
}

std::string range_text(const ipam::AllocatorStatus& status) {
  return status.universe_text.empty() ? status.universe.text() : status.universe_text;
}

}  // namespace weft::daemon
