// SPDX-License-Identifier: Apache-2.0
// Summaries of the topology, by which two peers find out cheaply what one of them lacks.
// docs/wire/gossip-delta.md says how they are computed: both ends must do it alike.
#pragma once

#include <map>

#include "gossip/delta_wire.h"

namespace weft::gossip {

using PeerRecords = std::map<PeerName, PeerRecord>;
// Only peers that can be reached count: the others are about to be forgotten.
using Reachable = std::map<PeerName, PeerName>;

// How many buckets suit so many peers: about eight peers share one.
unsigned bucket_bits(std::size_t peer_count);
// The bucket of a name among 2^bits.
unsigned bucket_of(PeerName name, unsigned bits);

Summary summarize(const PeerRecords& peers, const Reachable& reachable, unsigned bits);
// The buckets that differ, bit b for bucket b. Not 0 if the totals differ. Both have equal bits.
std::uint64_t differing_buckets(const Summary& a, const Summary& b);
// All peers of the buckets in the mask.
Versions list_versions(const PeerRecords& peers, const Reachable& reachable, unsigned bits,
                       std::uint64_t mask);

}  // namespace weft::gossip
