// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/paxos_wire.h"

#include "ipam-crdt/ring_wire.h"

namespace weft::ipam {
namespace {

NodeId read_node(gob::Decoder& d) {
  NodeId node;
  for (d.enter(); auto field = d.next_field();) {
    if (*field == 0) node.name = read_peer(d);
    if (*field == 1) node.uid = {d.u64()};
  }
  return node;
}

ProposalId read_proposal(gob::Decoder& d) {
  ProposalId proposal;
  for (d.enter(); auto field = d.next_field();) {
    if (*field == 0) proposal.round = d.u64();
    if (*field == 1) proposal.proposer = read_node(d);
  }
  if (proposal.round > Paxos::kRoundMax) {
    d.fail({.code = Errc::bad_value, .what = "ipam: paxos round too large"});
  }
  return proposal;
}

// Lists of one proposal are alike; keeping one of them keeps a state of n nodes from taking n²
// names of memory.
PeerList shared(std::vector<PeerName> peers, const PeerList& last) {
  if (peers.empty()) return nullptr;
  if (last && *last == peers) return last;
  return std::make_shared<const std::vector<PeerName>>(std::move(peers));
}

AcceptedValue read_accepted(gob::Decoder& d, PeerList& last) {
  AcceptedValue accepted;
  for (d.enter(); auto field = d.next_field();) {
    if (*field == 0) accepted.value = last = shared(read_peers(d), last);
    if (*field == 1) accepted.origin = read_proposal(d);
  }
  return accepted;
}

NodeClaims read_claims(gob::Decoder& d, PeerList& last) {
  NodeClaims claims;
  for (d.enter(); auto field = d.next_field();) {
    switch (*field) {
      case 0:
        claims.promise = read_proposal(d);
        break;
      case 1:
        claims.accepted = read_proposal(d);
        break;
      case 2:
        claims.accepted_value = read_accepted(d, last);
        break;
    }
  }
  return claims;
}

void put_node(gob::Encoder& e, const NodeId& node) {
  e.open().field(0).uint(node.name.value()).field(1).uint(node.uid.value).close();
}

void put_proposal(gob::Encoder& e, const ProposalId& proposal) {
  e.open().field(0).uint(proposal.round).field(1);
  put_node(e, proposal.proposer);
  e.close();
}

void put_accepted(gob::Encoder& e, const AcceptedValue& accepted) {
  e.open();
  if (accepted.value && !accepted.value->empty()) {
    e.field(0).open(accepted.value->size());
    for (PeerName peer : *accepted.value)
      e.uint(peer.value());
    e.close();
  }
  e.field(1);
  put_proposal(e, accepted.origin);
  e.close();
}

}  // namespace

PaxosState read_paxos(gob::Decoder& d) {
  PaxosState state;
  PeerList last;
  if (d.enter() > Paxos::kNodesMax) {
    d.fail({.code = Errc::too_large, .what = "ipam: too many paxos nodes"});
  }
  while (d.next_element()) {
    NodeId node = read_node(d);
    state[node] = read_claims(d, last);
  }
  return state;
}

void put_paxos(gob::Encoder& e, const PaxosState& state) {
  e.open(state.size());
  for (const auto& [node, claims] : state) {
    put_node(e, node);
    e.open().field(0);
    put_proposal(e, claims.promise);
    e.field(1);
    put_proposal(e, claims.accepted);
    e.field(2);
    put_accepted(e, claims.accepted_value);
    e.close();
  }
  e.close();
}

}  // namespace weft::ipam
