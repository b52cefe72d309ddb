// SPDX-License-Identifier: Apache-2.0
// Single-decree Paxos over gossip: how peers that know nothing agree on the set among whom the ring
// is first divided. Every node hears of every claim; there are no messages of its own.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/peer_name.h"

namespace weft::ipam {

// One run of a peer: one that restarts without its promises is another node.
struct NodeId {
  PeerName name;
  PeerUid uid;
  friend constexpr auto operator<=>(const NodeId&, const NodeId&) = default;
};

struct ProposalId {
  std::uint64_t round = 0;  // 0: none
  NodeId proposer;
  constexpr bool valid() const { return round != 0; }
  friend constexpr auto operator<=>(const ProposalId&, const ProposalId&) = default;
};

// The names proposed. Shared, since every node that accepts a proposal carries the same list.
using PeerList = std::shared_ptr<const std::vector<PeerName>>;

struct AcceptedValue {
  PeerList value;     // null: none
  ProposalId origin;  // the proposal that brought the value up; later ones may adopt it
};

struct NodeClaims {
  ProposalId promise;
  ProposalId accepted;
  AcceptedValue accepted_value;

  // Proposals stand for the values they bring.
  bool same_as(const NodeClaims& o) const {
    return promise == o.promise && accepted == o.accepted &&
           accepted_value.origin == o.accepted_value.origin;
  }
};

using PaxosState = std::map<NodeId, NodeClaims>;

class Paxos {
 public:
  // Rounds and nodes beyond these are not ours to count: a peer that sends them is broken.
  static constexpr std::uint64_t kRoundMax = std::uint64_t{1} << 40;
  static constexpr std::size_t kNodesMax = 4096;
  // Names in all the lists that nodes have accepted: those of 900 nodes that know one another.
  static constexpr std::size_t kNamesMax = 900'000;

  explicit Paxos(NodeId self) : self_(self) {}
  // Goes on as the node that claimed this, which must be all that it ever has.
  Paxos(NodeId self, NodeClaims claims) : self_(self) { known_[self] = std::move(claims); }

  // How many nodes decide; set when it is first needed, and then not 0.
  void set_quorum(std::size_t quorum) { quorum_ = quorum; }
  std::size_t quorum() const { return quorum_; }

  // Starts a round of our own, above any known.
  void propose();
  // Takes what is newer of what others claim; whether anything was.
  bool update(const PaxosState& received);
  // Draws the conclusions; whether our own claims changed.
  bool think();
  // The agreed list, once a quorum has accepted one.
  PeerList consensus() const;

  const PaxosState& state() const { return known_; }
  NodeId self() const { return self_; }
  NodeClaims own_claims() const {
    auto it = known_.find(self_);
    return it == known_.end() ? NodeClaims{} : it->second;
  }

 private:
  void accept_own_proposal(NodeClaims& mine) const;
  bool has_room_for_another() const;
  bool has_room_for(const NodeClaims& now, const NodeClaims& next) const;

  NodeId self_;
  std::size_t quorum_ = 0;
  PaxosState known_;
};

}  // namespace weft::ipam
