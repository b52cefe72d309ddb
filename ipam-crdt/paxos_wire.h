// SPDX-License-Identifier: Apache-2.0
// Paxos claims as part of the gossiped state.
// map[NodeID → struct {Promise, Accepted ProposalID, AcceptedVal {Value []u, Origin ProposalID}}],
// NodeID {Name u, UID u}, ProposalID {Round u, Proposer NodeID}.  Source:
// weave-protocol/ipam.md 1.1
#pragma once

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "ipam-crdt/paxos.h"

namespace weft::ipam {

PaxosState read_paxos(gob::Decoder& d);                    // the map is to be entered
void put_paxos(gob::Encoder& e, const PaxosState& state);  // the map is to be opened

}  // namespace weft::ipam
