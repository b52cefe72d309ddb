// SPDX-License-Identifier: Apache-2.0
// The unicasts of the channel "IPallocation": one byte that says which, then a gob stream.
//
// | kind 1 | gob(Range) for 0 and 2, gob(gossipState) for 1 |     Source:
// weave-protocol/ipam.md 1.2
#pragma once

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"

namespace weft::ipam {

// A Go peer hangs on any other first byte, so nothing else may be sent.
enum class UnicastKind : std::uint8_t { space_request = 0, ring_update = 1, space_denied = 2 };

struct Unicast {
  UnicastKind kind = UnicastKind::ring_update;
  ByteView body;
};

Result<Unicast> parse_unicast(ByteView payload);
Result<IpRange> parse_range(ByteView body);

Bytes write_space_request(IpRange range);
Bytes write_space_denied(IpRange range);
// `state` as gossip_state_wire writes it.
Bytes write_ring_update(ByteView state);

}  // namespace weft::ipam
