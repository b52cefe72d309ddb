// SPDX-License-Identifier: Apache-2.0
// Weave's own database (bucket "top" of a BoltDB file) and the values in it, for moving in: `ring`
// is ring_wire's, the others are read here.  Source: weave-protocol/ipam.md 7
#pragma once

#include <optional>
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

// All that Weave stored. What a host of Weave has not come to store yet is absent or empty.
struct WeaveDatabase {
  std::optional<PeerName> name;
  std::optional<Bytes> ring;  // gob(Ring), checked
  OwnedMap owned;
  std::vector<std::string> direct_peers;
};

// The whole file. unsupported: of another major version than Weave 2's. Any value that cannot be
// read is an Error: half of a state is worse than none.
Result<WeaveDatabase> parse_weave_database(ByteView file);

// Whether Weave's launch script on Kubernetes has noted in its database that this peer stood in the
// list of peers, so that one that is missing there was removed by somebody. False if unreadable.
// Source: weave-protocol/control-plane.md 9, flag:peer-reclaim
bool has_reclaim_flag(ByteView file);

}  // namespace weft::ipam
