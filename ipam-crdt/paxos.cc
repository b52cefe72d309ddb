// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/paxos.h"

#include <algorithm>

#include "base/ensure.h"
#include "ipam-crdt/ring.h"

namespace weft::ipam {
namespace {

std::size_t names_of(const NodeClaims& claims) {
  return claims.accepted_value.value ? claims.accepted_value.value->size() : 0;
}

}  // namespace

void Paxos::propose() {
  std::uint64_t round = 0;
  for (const auto& [node, claims] : known_) {
    round = std::max({round, claims.promise.round, claims.accepted.round});
  }
  // At the bound nobody can be outbid; a round beyond it would be one that nobody reads.
  known_[self_].promise = {.round = std::min(round + 1, kRoundMax), .proposer = self_};
  if (quorum_ == 1) think();
}

bool Paxos::update(const PaxosState& received) {
  bool changed = false;
  for (const auto& [node, claims] : received) {
    auto it = known_.find(node);
    if (it == known_.end()) {
      if (!has_room_for_another() || !has_room_for({}, claims)) continue;
      known_.emplace(node, claims);
      changed = true;
      continue;
    }
    if (claims.promise > it->second.promise) {
      it->second.promise = claims.promise;
      changed = true;
    }
    if (claims.accepted > it->second.accepted && has_room_for(it->second, claims)) {
      it->second.accepted = claims.accepted;
      it->second.accepted_value = claims.accepted_value;
      changed = true;
    }
  }
  return changed;
}

// There is always room for ourselves.
bool Paxos::has_room_for_another() const {
  return known_.size() + (known_.contains(self_) ? 0 : 1) < kNodesMax;
}

bool Paxos::has_room_for(const NodeClaims& now, const NodeClaims& next) const {
  if (names_of(next) <= names_of(now)) return true;
  std::size_t names = names_of(next) - names_of(now);
  for (const auto& [node, claims] : known_)
    names += names_of(claims);
  return names <= kNamesMax;
}

bool Paxos::think() {
  ensure(quorum_ > 0, "paxos: the quorum is not set");
  NodeClaims& mine = known_[self_];
  const NodeClaims before = mine;

  for (const auto& [node, claims] : known_)
    mine.promise = std::max(mine.promise, claims.promise);
  if (mine.promise.proposer == self_) accept_own_proposal(mine);
  for (const auto& [node, claims] : known_) {
    if (!claims.accepted.valid() || claims.accepted != mine.promise) continue;
    mine.accepted = claims.accepted;
    mine.accepted_value = claims.accepted_value;
    break;
  }
  return !mine.same_as(before);
}

// If a quorum has promised us this round, we accept it ourselves: with the value of the highest
// round that any of them has accepted before, and else with the names of all we know.
void Paxos::accept_own_proposal(NodeClaims& mine) const {
  std::size_t promised = 0;
  ProposalId highest;
  AcceptedValue value;
  for (const auto& [node, claims] : known_) {
    if (claims.promise != mine.promise) continue;
    ++promised;
    if (claims.accepted.valid() && claims.accepted > highest) {
      highest = claims.accepted;
      value = claims.accepted_value;
    }
  }
  if (promised < quorum_) return;
  if (!highest.valid()) {
    std::vector<PeerName> names;
    for (const auto& [node, claims] : known_)
      names.push_back(node.name);
    value = {.value = std::make_shared<const std::vector<PeerName>>(normalised(std::move(names))),
             .origin = mine.promise};
  }
  mine.accepted = mine.promise;
  mine.accepted_value = value;
}

PeerList Paxos::consensus() const {
  std::map<ProposalId, std::size_t> votes;
  for (const auto& [node, claims] : known_) {
    if (!claims.accepted.valid() || !claims.accepted_value.value) continue;
    if (++votes[claims.accepted_value.origin] >= quorum_ && quorum_ > 0) {
      return claims.accepted_value.value;
    }
  }
  return nullptr;
}

}  // namespace weft::ipam
