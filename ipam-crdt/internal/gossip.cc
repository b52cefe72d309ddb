// SPDX-License-Identifier: Apache-2.0
// What peers say on the channel "IPallocation", and what we tell them.
#include <algorithm>

#include "base/ensure.h"
#include "ipam-crdt/internal/core.h"
#include "ipam-crdt/range_wire.h"
#include "ipam-crdt/wire_limits.h"

namespace weft::ipam {

Result<> Allocator::Core::receive_gossip(ByteView payload) {
  auto state = parse_state(payload);
  if (!state) return refused(state.error(), "undecodable IPAM gossip");
  return update(PeerName(), *state);
}

Result<> Allocator::Core::receive_broadcast(PeerName origin, ByteView payload) {
  auto state = parse_state(payload);
  if (!state) return refused(state.error(), "undecodable IPAM broadcast of " + display(origin));
  if (origin == config_.name) return {};
  if (auto ok = update(origin, *state); !ok) return ok.error();
  queue_.push_back(effect::RelayBroadcast{origin});
  return {};
}

Result<> Allocator::Core::receive_unicast(PeerName source, ByteView payload) {
  auto from = [&](Error error) {
    return refused(error, "bad IPAM unicast of " + display(source));
  };
  auto message = parse_unicast(payload);
  if (!message) return from(message.error());
  if (source == config_.name || !source.known()) {
    return from({.code = Errc::bad_value, .what = "ipam: unicast from nobody"});
  }
  switch (message->kind) {
    case UnicastKind::ring_update: {
      auto state = parse_state(message->body);
      if (!state) return from(state.error());
      return update(source, *state);
    }
    case UnicastKind::space_request:
    case UnicastKind::space_denied: {
      auto range = parse_range(message->body);
      if (!range) return from(range.error());
      if (message->kind == UnicastKind::space_denied) {
        on_denied(source, *range);
      } else {
        donate(source, *range);
      }
      return {};
    }
  }
  return {};
}

// `sender` is unknown for plain gossip, which is passed on from peer to peer.
Result<> Allocator::Core::update(PeerName sender, const GossipState& state) {
  update_nicknames(state.nicknames);
  if (state.ring) return update_ring(*state.ring);
  if (!ring_.empty()) {
    if (sender.known()) send_state(sender);
  } else if (state.paxos) {
    update_paxos(*state.paxos);
  } else if (elector() && sender.known()) {
    establish();
  }
  return {};
}

Result<> Allocator::Core::update_ring(const RingData& theirs) {
  if (first_heard_ && now_ >= *first_heard_ + kRestoredYieldTime) restored_.clear();
  MergeOutcome merged =
      restored_.empty() ? ring_.merge(theirs, space_.used())
                        : ring_.merge(theirs, IntervalSet(difference(space_.used(), restored_)));
  const FreeSettled settled = merged.error ? FreeSettled{} : ring_.settle_free(theirs);
  if (merged.touched || settled.raised) ring_stored_ = false;
  if (merged.error) {
    if (merged.tied && ring_.reassert(*merged.tied)) {
      // Ours is in use and theirs may not be: with a higher version of ours they can yield.
      ring_stored_ = false;
      broadcast();
    }
    if (merged.other_seeds) note_seeds(theirs);
    log(LogLevel::warning, "ring refused: " + merged.why, theirs.holder);
    return refused(*merged.error, std::move(merged.why));
  }
  seed_conflicts_.erase(theirs.holder);
  if (!first_heard_ && !theirs.entries.empty()) first_heard_ = now_;
  if (!merged.updated && !settled.lowered) return {};
  prune_nicknames();
  ring_changed();
  return {};
}

void Allocator::Core::note_seeds(const RingData& theirs) {
  if (seed_conflicts_.size() >= kSeedConflictsMax && !seed_conflicts_.contains(theirs.holder)) {
    auto oldest = std::min_element(
        seed_conflicts_.begin(), seed_conflicts_.end(),
        [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; });
    seed_conflicts_.erase(oldest);
  }
  seed_conflicts_[theirs.holder] = {.seeds = theirs.seeds, .heard = now_};
}

void Allocator::Core::update_paxos(const PaxosState& theirs) {
  if (!elector()) return;
  if (paxos_->quorum() == 0) set_quorum();
  if (!paxos_->update(theirs)) return;
  if (paxos_->think()) broadcast();
  create_ring_on_consensus();
}

void Allocator::Core::update_nicknames(const Nicknames& theirs) {
  for (const auto& [peer, nickname] : theirs) {
    if (peer == config_.name) continue;
    if (nicknames_.size() >= kNicknamesMax && !nicknames_.contains(peer)) continue;
    nicknames_[peer] = nickname;
  }
}

void Allocator::Core::prune_nicknames() {
  std::set<PeerName> owners;
  for (const RingEntry& entry : ring_.entries())
    owners.insert(entry.peer);
  std::erase_if(nicknames_, [&](const auto& item) {
    PeerName peer = item.first;
    return peer != config_.name && !owners.contains(peer) && !mesh_.known(peer);
  });
}

void Allocator::Core::peer_gone(PeerName peer) {
  if (peer == config_.name) return;
  if (!ring_.has_entries_of(peer)) nicknames_.erase(peer);
  bool awaited = false;
  for (auto& [subnet, ask] : asks_)
    awaited = awaited || ask.peer == peer;
  if (awaited) next_tick_ = now_;  // whoever waits for it must ask another
}

Bytes Allocator::Core::state(TimePoint now) const {
  bool has_ring = !ring_.empty();
  return write_state({.now = config_.wall.unix_seconds(now),
                      .nicknames = nicknames_,
                      .paxos = !has_ring && paxos_ ? &paxos_->state() : nullptr,
                      .ring = has_ring ? &ring_.data() : nullptr});
}

Bytes Allocator::Core::common_state() const {
  RingData ring = ring_.data();
  ring.holder = {};
  return write_state({.nicknames = {},
                      .paxos = ring_.empty() && paxos_ ? &paxos_->state() : nullptr,
                      .ring = ring_.empty() ? nullptr : &ring});
}

void Allocator::Core::send_state(PeerName to) {
  settle_free_counts();
  unicast(to, write_ring_update(state(now_)));
}

void Allocator::Core::unicast(PeerName to, Bytes payload) {
  queue_.push_back(effect::Unicast{.destination = to, .payload = std::move(payload)});
}

void Allocator::Core::broadcast() {
  if (broadcast_due_) return;
  broadcast_due_ = true;
  queue_.push_back(effect::Broadcast{});
}

Result<> Allocator::Core::refused(Error error, std::string why) {
  last_refusal_ = std::move(why);
  return error;
}

}  // namespace weft::ipam
