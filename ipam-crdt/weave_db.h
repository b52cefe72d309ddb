// SPDX-License-Identifier: Apache-2.0
// The values in Weave's own database (bucket "top" of its BoltDB file), for moving in: `ring` is
// ring_wire's, the others are read here.  Source: weave-protocol/ipam.md 7
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/peer_name.h"
#include "base/result.h"
#include "ipam-crdt/allocator.h"

namespace weft::ipam {

Result<PeerName> parse_weave_peername(ByteView in);
Result<OwnedMap> parse_weave_owned(ByteView in);
Result<std::vector<std::string>> parse_weave_direct_peers(ByteView in);

}  // namespace weft::ipam
