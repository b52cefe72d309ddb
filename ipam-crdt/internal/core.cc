// SPDX-License-Identifier: Apache-2.0
// Life of the allocator: restoring, establishing the ring, following its changes, and the tick.
#include "ipam-crdt/internal/core.h"

#include <algorithm>

#include "base/ensure.h"
#include "ipam-crdt/ring_wire.h"

namespace weft::ipam {

Allocator::Core::Core(AllocatorConfig config, Rng& rng, const MeshView& mesh)
    : config_(std::move(config)),
      rng_(rng),
      mesh_(mesh),
      ring_(config_.universe.range(), config_.name) {
  if (!std::holds_alternative<InitObserver>(config_.init)) {
    paxos_.emplace(NodeId{.name = config_.name, .uid = config_.uid});
  }
  nicknames_[config_.name] = config_.nickname;
}

void Allocator::Core::start(const StoredAllocator& stored) {
  if (stored.ring) restore_ring(*stored.ring);
  restore_owned(stored.owned);
  if (!ring_.empty()) {
    ring_known();
    follow_ring();
  } else if (const auto* seed = std::get_if<InitSeed>(&config_.init)) {
    log(LogLevel::info, "starting the ring with the given seed");
    create_ring(normalised(seed->peers));
  }
  restored_ = space_.used();
}

void Allocator::Core::restore_ring(const Bytes& stored) {
  if (restore_promise(stored)) return;
  auto set_aside = [&](const std::string& why) {
    log(LogLevel::warning, "the stored ring is set aside: " + why);
  };
  auto data = parse_ring(stored);
  if (!data) return set_aside(std::string(data.error().what));
  if (data->entries.empty()) return set_aside("it is empty");
  if (data->universe != ring_.universe()) {
    return set_aside("it covers [" + data->universe.start.text() + "," + data->universe.end.text() +
                     "), but the range is now " + config_.universe.text());
  }
  if (data->holder != config_.name) {
    return set_aside("it is that of " + data->holder.text() + ", but we are now " +
                     config_.name.text());
  }
  auto ring = Ring::restore(std::move(*data), config_.name);
  if (!ring) return set_aside(std::string(ring.error().what));
  ring_ = std::move(*ring);
}

// Before there was a ring we stored what we had promised in the vote for one: a node that forgot
// could help to elect a second ring.
bool Allocator::Core::restore_promise(const Bytes& stored) {
  auto state = parse_state(stored);
  if (!state || !state->paxos || state->ring) return false;
  for (const auto& [node, claims] : *state->paxos) {
    if (node.name != config_.name || !elector()) continue;
    paxos_.emplace(node, claims);
    promise_stored_ = claims;
  }
  return true;
}

void Allocator::Core::store_promise(Effects& out) {
  if (!elector()) return;
  NodeClaims claims = paxos_->own_claims();
  if (claims.same_as(promise_stored_)) return;
  PaxosState own{{paxos_->self(), claims}};
  out.push_back(effect::StoreRing{write_state({.nicknames = {}, .paxos = &own})});
  promise_stored_ = std::move(claims);
}

void Allocator::Core::restore_owned(const OwnedMap& stored) {
  for (const auto& [ident, owned] : stored) {
    for (Cidr address : owned.addresses)
      restore_address(ident, address, owned.is_container);
    if (owned.addresses.empty()) owned_changed_.insert(ident);
  }
}

void Allocator::Core::restore_address(const std::string& ident, Cidr address, bool is_container) {
  if (owned_.add(ident, address, is_container)) return;
  owned_changed_.insert(ident);
  log(LogLevel::error, "the stored table gives " + address.text() + " to " + ident + " and to " +
                           *owned_.holder(address.addr()) + ": it is left to the latter");
}

void Allocator::Core::finish(Effects& out) {
  settle_free_counts();
  store_promise(out);
  if (!ring_stored_) out.push_back(effect::StoreRing{write_ring(ring_.data())});
  ring_stored_ = true;
  for (const std::string& ident : owned_changed_) {
    out.push_back(effect::StoreOwned{.ident = ident, .owned = owned_.entry(ident)});
  }
  owned_changed_.clear();
  std::move(queue_.begin(), queue_.end(), std::back_inserter(out));
  queue_.clear();
  broadcast_due_ = false;
  verdicts_.clear();
  drop_unused_asks();
  arm_tick();
}

void Allocator::Core::tick() {
  if (!next_tick_ || now_ < *next_tick_) return;
  next_tick_.reset();
  for (auto& [subnet, ask] : asks_)
    ask.denied.clear();
  if (ring_.empty()) {
    if (awaiting_ring_) propose();
  } else {
    retry_pending();
  }
}

void Allocator::Core::arm_tick() {
  bool needed = anything_pending() || awaiting_ring_;
  if (!needed) next_tick_.reset();
  if (needed && !next_tick_) next_tick_ = now_ + kRetryInterval;
}

bool Allocator::Core::anything_pending() const {
  return !primes_.empty() || !claims_.empty() || !allocates_.empty();
}

// Called by whatever needs a ring while there is none.
void Allocator::Core::establish() {
  if (!ring_.empty() || awaiting_ring_ || shut_down_) return;
  awaiting_ring_ = true;
  if (elector()) set_quorum();
  propose();
}

void Allocator::Core::propose() {
  if (elector()) paxos_->propose();
  broadcast();
  create_ring_on_consensus();
}

// At the moment of need, since without a given count it is guessed from the targets of then.
void Allocator::Core::set_quorum() {
  std::size_t peers = 0;
  if (const auto* consensus = std::get_if<InitConsensus>(&config_.init)) {
    peers = consensus->peer_count;
  }
  if (peers == 0) peers = mesh_.active_target_count() + 1;
  paxos_->set_quorum(peers / 2 + 1);
}

void Allocator::Core::create_ring_on_consensus() {
  if (!elector()) return;
  PeerList peers = paxos_->consensus();
  if (!peers) return;
  log(LogLevel::info, "consensus of " + std::to_string(paxos_->quorum()) + " among " +
                          std::to_string(paxos_->state().size()) + " peers");
  create_ring(normalised(*peers));
}

void Allocator::Core::create_ring(const std::vector<PeerName>& peers) {
  ring_.claim_for_peers(peers);
  ring_changed();
  broadcast();
}

// The ring's ranges have other owners than before, or it has just come to be.
void Allocator::Core::ring_changed() {
  ring_known();
  follow_ring();
  retry_pending();
}

void Allocator::Core::ring_known() {
  if (!awaiting_ring_ && !paxos_ && ring_known_at_) return;
  awaiting_ring_ = false;
  paxos_.reset();
  if (ring_known_at_) return;
  ring_known_at_ = now_;
  claim_back(
      difference(IntervalSet({ring_.universe()}), IntervalSet(ring_.ranges_of(config_.name))));
}

void Allocator::Core::follow_ring() {
  ring_stored_ = false;
  ranges_changed_ = true;
  verdicts_.clear();
  Space::Change change = space_.set_ranges(ring_.ranges_of(config_.name));
  for (IpRange range : change.gained) {
    for (Ipv4Addr addr : owned_.addresses_in(range)) {
      ensure(space_.claim(addr).has_value(), "ipam: an address just gained is in use");
    }
  }
  claim_back(change.lost);
  if (change.gained.empty()) return;
  for (auto& [subnet, ask] : asks_)
    ask.peer = PeerName();  // answered: what is left may ask again
}

// Addresses that containers hold though they are not ours (any more): the owners are asked for
// each, and if they have not given it to somebody else, all is well again.
void Allocator::Core::claim_back(const std::vector<IpRange>& ranges) {
  for (IpRange range : ranges) {
    for (Ipv4Addr addr : owned_.addresses_in(range)) {
      const std::string& ident = *owned_.holder(addr);
      log(LogLevel::warning, addr.text() + " is held by " + ident + " but its range is owned by " +
                                 display(*ring_.owner(addr)));
      if (shut_down_ || claims_.size() >= kPendingMax) continue;
      claims_.push_back({.ident = ident,
                         .address = *owned_.find(ident, {addr, addr + 1}),
                         .options = {.no_error_on_unknown = true},
                         .answered = true});
    }
  }
}

// The ring reports what is free in our ranges; every change of that raises a version.
void Allocator::Core::settle_free_counts() {
  if (ranges_changed_) {
    ensure(space_.owned() == IntervalSet(ring_.ranges_of(config_.name)),
           "ipam: ring and space disagree about what is ours");
    if (ring_.report_free(space_)) ring_stored_ = false;
  } else if (!freed_.empty()) {
    bool was_full = true;
    for (const auto& [addr, delta] : freed_) {
      ring_.adjust_free(addr, delta);
      was_full = was_full && delta > 0;
    }
    ring_stored_ = false;
    // Others ask only where they think that there is something.
    if (was_full && space_.free_count() == freed_.size()) broadcast();
  }
  ranges_changed_ = false;
  freed_.clear();
}

AllocatorStatus Allocator::Core::status() const {
  AllocatorStatus out;
  if (awaiting_ring_) {
    out.paxos = PaxosStatus{.elector = elector()};
    if (elector()) {
      out.paxos->known_nodes = paxos_->state().size();
      out.paxos->quorum = paxos_->quorum();
    }
  }
  out.universe = ring_.universe();
  out.universe_text = config_.universe.text();
  out.default_subnet = config_.default_subnet.text();
  out.universe_size = config_.universe.size();
  out.active = space_.used_count();
  for (const RangeOwner& part : ranges(ring_.data())) {
    const RingEntry& entry = ring_.entries()[part.entry];
    auto nickname = nicknames_.find(entry.peer);
    out.entries.push_back({.token = part.range.start,
                           .size = part.range.size(),
                           .peer = entry.peer,
                           .nickname = nickname == nicknames_.end() ? "" : nickname->second,
                           .known_peer = entry.peer == config_.name || mesh_.known(entry.peer),
                           .version = entry.version,
                           .free = entry.free});
  }
  for (Ipv4Addr addr : owned_.addresses_in(ring_.universe())) {
    if (space_.owns(addr)) continue;
    const std::string& ident = *owned_.holder(addr);
    Cidr address = *owned_.find(ident, {addr, addr + 1});
    out.strays.push_back({.ident = ident, .address = address, .owner = ring_.owner(addr)});
  }
  for (const PendingAllocate& p : allocates_) {
    out.pending_allocates.push_back(
        {.ident = p.ident, .what = p.subnet.text(), .reason = p.waits_for});
  }
  for (const PendingClaim& p : claims_) {
    out.pending_claims.push_back(
        {.ident = p.ident, .what = p.address.text(), .reason = p.waits_for});
  }
  for (const auto& [holder, other] : seed_conflicts_) {
    auto nickname = nicknames_.find(holder);
    out.seed_conflicts.push_back({.holder = holder,
                                  .nickname = nickname == nicknames_.end() ? "" : nickname->second,
                                  .theirs = other.seeds,
                                  .ours = ring_.seeds(),
                                  .heard = other.heard});
  }
  out.pending_prime = !primes_.empty();
  out.shut_down = shut_down_;
  return out;
}

AllocatorLoad Allocator::Core::load() const {
  return {.primes = primes_.size(),
          .claims = claims_.size(),
          .allocates = allocates_.size(),
          .asks = asks_.size(),
          .nicknames = nicknames_.size(),
          .entries = ring_.entries().size(),
          .voters = paxos_ ? paxos_->state().size() : 0,
          .seed_conflicts = seed_conflicts_.size()};
}

void Allocator::Core::log(LogLevel level, std::string text, PeerName peer) {
  queue_.push_back(LogLine{.level = level,
                           .component = "ipam",
                           .peer = peer.known() ? display(peer) : "",
                           .text = std::move(text)});
}

std::string Allocator::Core::display(PeerName peer) const {
  auto nickname = nicknames_.find(peer);
  bool named = nickname != nicknames_.end() && !nickname->second.empty();
  return named ? display_name(peer, nickname->second) : peer.text();
}

}  // namespace weft::ipam
