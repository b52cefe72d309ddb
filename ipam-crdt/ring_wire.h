// SPDX-License-Identifier: Apache-2.0
// A ring as gob: what is stored, and part of what is gossiped.
// struct {Start u, End u, Peer u, Entries []{Token u, Peer u, Version u, Free u}, Seeds []u};
// u: unsigned, 32 bits but for peers (48).  Source: weave-protocol/ipam.md 1.1
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "ipam-crdt/ring.h"

namespace weft::ipam {

// Only the form is checked here; see check_ring for the rules.
Result<RingData> parse_ring(ByteView in);
Bytes write_ring(const RingData& ring);

// The same as part of a larger value.
RingData read_ring(gob::Decoder& d);                   // the struct is entered
void put_ring(gob::Encoder& e, const RingData& ring);  // the struct is open
PeerName read_peer(gob::Decoder& d);
// A slice of peer names that is to be entered.
std::vector<PeerName> read_peers(gob::Decoder& d);

}  // namespace weft::ipam
