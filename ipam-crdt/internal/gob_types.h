// SPDX-License-Identifier: Apache-2.0
// The gob declarations of all IPAM values, with the field order and the type names that Weave has,
// so that our bytes are those of a Go process. Field numbers in the *_wire files are positions
// here. Source: weave-protocol/ipam.md 1.1 and 11 (types of ipam/, ipam/ring, ipam/paxos of
// Weave 2.8).
#pragma once

#include "gossip/gob/type.h"

namespace weft::ipam::wire {

inline constexpr gob::Field kRangeFields[] = {{"Start", &gob::kUint}, {"End", &gob::kUint}};
inline constexpr gob::Type kRange = gob::struct_of("Range", kRangeFields);

inline constexpr gob::Field kEntryFields[] = {
    {"Token", &gob::kUint}, {"Peer", &gob::kUint}, {"Version", &gob::kUint}, {"Free", &gob::kUint}};
inline constexpr gob::Type kEntry = gob::struct_of("", kEntryFields);
inline constexpr gob::Type kEntries = gob::slice_of("entries", kEntry);
inline constexpr gob::Type kSeeds = gob::slice_of("[]mesh.PeerName", gob::kUint);
inline constexpr gob::Field kRingFields[] = {{"Start", &gob::kUint},
                                             {"End", &gob::kUint},
                                             {"Peer", &gob::kUint},
                                             {"Entries", &kEntries},
                                             {"Seeds", &kSeeds}};
inline constexpr gob::Type kRing = gob::struct_of("Ring", kRingFields);

inline constexpr gob::Field kNodeIdFields[] = {{"Name", &gob::kUint}, {"UID", &gob::kUint}};
inline constexpr gob::Type kNodeId = gob::struct_of("", kNodeIdFields);
inline constexpr gob::Field kProposalFields[] = {{"Round", &gob::kUint}, {"Proposer", &kNodeId}};
inline constexpr gob::Type kProposal = gob::struct_of("ProposalID", kProposalFields);
inline constexpr gob::Type kValue = gob::slice_of("Value", gob::kUint);
inline constexpr gob::Field kAcceptedFields[] = {{"Value", &kValue}, {"Origin", &kProposal}};
inline constexpr gob::Type kAccepted = gob::struct_of("AcceptedValue", kAcceptedFields);
inline constexpr gob::Field kClaimsFields[] = {
    {"Promise", &kProposal}, {"Accepted", &kProposal}, {"AcceptedVal", &kAccepted}};
inline constexpr gob::Type kClaims = gob::struct_of("", kClaimsFields);
inline constexpr gob::Type kPaxos = gob::map_of("GossipState", kNodeId, kClaims);

inline constexpr gob::Type kNicknames =
    gob::map_of("map[mesh.PeerName]string", gob::kUint, gob::kString);
inline constexpr gob::Field kStateFields[] = {
    {"Now", &gob::kInt}, {"Nicknames", &kNicknames}, {"Paxos", &kPaxos}, {"Ring", &kRing}};
inline constexpr gob::Type kState = gob::struct_of("gossipState", kStateFields);

inline constexpr gob::Field kCidrFields[] = {{"Addr", &gob::kUint}, {"PrefixLen", &gob::kInt}};
inline constexpr gob::Type kCidr = gob::struct_of("CIDR", kCidrFields);
inline constexpr gob::Type kCidrs = gob::slice_of("[]address.CIDR", kCidr);
inline constexpr gob::Field kOwnedFields[] = {{"IsContainer", &gob::kBool}, {"Cidrs", &kCidrs}};
inline constexpr gob::Type kOwned = gob::struct_of("", kOwnedFields);
inline constexpr gob::Type kOwnedMap = gob::map_of("", gob::kString, kOwned);
inline constexpr gob::Type kStrings = gob::slice_of("[]string", gob::kString);

}  // namespace weft::ipam::wire
