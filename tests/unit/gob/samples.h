// SPDX-License-Identifier: Apache-2.0
// Declarations shaped like Weave's, for the tests of the encoder and the decoder.
#pragma once

#include "gossip/gob/type.h"

namespace weft::gob::samples {

// The names are those of a Go process, which leaves some types without one.
inline constexpr Type kNicknames = map_of("map[mesh.PeerName]string", kUint, kString);
inline constexpr Field kNodeIdFields[] = {{"Name", &kUint}, {"UID", &kUint}};
inline constexpr Type kNodeId = struct_of("", kNodeIdFields);
inline constexpr Field kProposalFields[] = {{"Round", &kUint}, {"Proposer", &kNodeId}};
inline constexpr Type kProposal = struct_of("ProposalID", kProposalFields);
inline constexpr Type kValue = slice_of("Value", kUint);
inline constexpr Field kAcceptedFields[] = {{"Value", &kValue}, {"Origin", &kProposal}};
inline constexpr Type kAccepted = struct_of("AcceptedValue", kAcceptedFields);
inline constexpr Field kClaimsFields[] = {
    {"Promise", &kProposal}, {"Accepted", &kProposal}, {"AcceptedVal", &kAccepted}};
inline constexpr Type kClaims = struct_of("", kClaimsFields);
inline constexpr Type kPaxos = map_of("GossipState", kNodeId, kClaims);
inline constexpr Field kEntryFields[] = {
    {"Token", &kUint}, {"Peer", &kUint}, {"Version", &kUint}, {"Free", &kUint}};
inline constexpr Type kEntry = struct_of("", kEntryFields);
inline constexpr Type kEntries = slice_of("entries", kEntry);
inline constexpr Type kSeeds = slice_of("[]mesh.PeerName", kUint);
inline constexpr Field kRingFields[] = {{"Start", &kUint},
                                        {"End", &kUint},
                                        {"Peer", &kUint},
                                        {"Entries", &kEntries},
                                        {"Seeds", &kSeeds}};
inline constexpr Type kRing = struct_of("Ring", kRingFields);
inline constexpr Field kStateFields[] = {
    {"Now", &kInt}, {"Nicknames", &kNicknames}, {"Paxos", &kPaxos}, {"Ring", &kRing}};
inline constexpr Type kState = struct_of("gossipState", kStateFields);
inline constexpr Field kRangeFields[] = {{"Start", &kUint}, {"End", &kUint}};
inline constexpr Type kRange = struct_of("Range", kRangeFields);
inline constexpr Type kStrings = slice_of("", kString);
inline constexpr Type kStringMap = map_of("", kString, kString);

}  // namespace weft::gob::samples
