// SPDX-License-Identifier: Apache-2.0
// Faults put into the product for the simulator to find. The linker hands calls of some functions
// to those here (--wrap, see meson.build), which do wrong what WEFT_MUTANT names; the product's
// sources know nothing of it. A name is the function's, as the compiler mangles it.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "gossip/routes.h"
#include "gossip/topology.h"
#include "ipam-crdt/allocator.h"
#include "ipam-crdt/internal/owned_table.h"
#include "ipam-crdt/interval_set.h"
#include "ipam-crdt/paxos.h"
#include "ipam-crdt/ring.h"

namespace weft {
namespace {

bool mutant(std::string_view name) {
  static const char* const kChosen = std::getenv("WEFT_MUTANT");
  return kChosen != nullptr && name == kChosen;
}

// A copy of the ring with entries that are not as its owner made them.
template <class Change>
ipam::RingData changed(const ipam::Ring& mine, ipam::RingData theirs, Change change) {
  auto own = mine.entries().begin();
  for (ipam::RingEntry& entry : theirs.entries) {
    while (own != mine.entries().end() && own->token < entry.token)
      ++own;
    if (own != mine.entries().end() && own->token == entry.token) change(*own, entry);
  }
  return theirs;
}

}  // namespace

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
#define WEFT_MERGE "_ZN4weft4ipam4Ring5mergeERKNS0_8RingDataERKNS0_11IntervalSetE"
ipam::MergeOutcome real_merge(ipam::Ring* self, const ipam::RingData& theirs,
                              const ipam::IntervalSet& used) asm("__real_" WEFT_MERGE);
ipam::MergeOutcome wrap_merge(ipam::Ring* self, const ipam::RingData& theirs,
                              const ipam::IntervalSet& used) asm("__wrap_" WEFT_MERGE);
ipam::MergeOutcome wrap_merge(ipam::Ring* self, const ipam::RingData& theirs,
                              const ipam::IntervalSet& used) {
  if (mutant("version_ignored")) {
    auto newest = changed(*self, theirs, [](const auto& own, auto& entry) {
      if (entry.version < own.version) entry.version = own.version + 1;
    });
    return real_merge(self, newest, used);
  }
  return real_merge(self, theirs, used);
}

#define WEFT_GRANT "_ZN4weft4ipam4Ring5grantENS_7IpRangeENS_8PeerNameE"
void real_grant(ipam::Ring* self, IpRange range, PeerName to) asm("__real_" WEFT_GRANT);
void wrap_grant(ipam::Ring* self, IpRange range, PeerName to) asm("__wrap_" WEFT_GRANT);
void wrap_grant(ipam::Ring* self, IpRange range, PeerName to) {
  if (mutant("donation_lost")) return real_grant(self, range, PeerName::from_u48(1));
  ipam::Ring before = *self;
  real_grant(self, range, to);
  if (!mutant("donation_unversioned")) return;
  auto data = changed(before, self->data(), [](const auto& own, auto& entry) {
    if (entry.peer != own.peer) entry.version = own.version;
  });
  *self = *ipam::Ring::restore(data, self->self());
}

#define WEFT_REPORT_FREE "_ZN4weft4ipam4Ring11report_freeERKNS0_5SpaceE"
bool real_report_free(ipam::Ring* self, const ipam::Space& space) asm("__real_" WEFT_REPORT_FREE);
bool wrap_report_free(ipam::Ring* self, const ipam::Space& space) asm("__wrap_" WEFT_REPORT_FREE);
bool wrap_report_free(ipam::Ring* self, const ipam::Space& space) {
  return !mutant("free_unreported") && real_report_free(self, space);
}

#define WEFT_CONSENSUS "_ZNK4weft4ipam5Paxos9consensusEv"
ipam::PeerList real_consensus(const ipam::Paxos* self) asm("__real_" WEFT_CONSENSUS);
ipam::PeerList wrap_consensus(const ipam::Paxos* self) asm("__wrap_" WEFT_CONSENSUS);
ipam::PeerList wrap_consensus(const ipam::Paxos* self) {
  if (mutant("quorum_ignored") && self->own_claims().promise.valid()) {
    auto names = std::make_shared<std::vector<PeerName>>();
    for (const auto& [node, claims] : self->state())
      names->push_back(node.name);
    return names;
  }
  return real_consensus(self);
}

#define WEFT_ON_DENIED "_ZN4weft4ipam9Allocator4Core9on_deniedENS_8PeerNameENS_7IpRangeE"
void real_on_denied(void* core, PeerName source, IpRange range) asm("__real_" WEFT_ON_DENIED);
void wrap_on_denied(void* core, PeerName source, IpRange range) asm("__wrap_" WEFT_ON_DENIED);
void wrap_on_denied(void* core, PeerName source, IpRange range) {
  if (mutant("denial_aborts")) std::abort();
  if (!mutant("denial_ignored")) real_on_denied(core, source, range);
}

#define WEFT_RETRY "_ZN4weft4ipam9Allocator4Core13retry_pendingEv"
void real_retry_pending(void* core) asm("__real_" WEFT_RETRY);
void wrap_retry_pending(void* core) asm("__wrap_" WEFT_RETRY);
void wrap_retry_pending(void* core) {
  if (!mutant("pending_forgotten")) real_retry_pending(core);
}

#define WEFT_CANCEL "_ZN4weft4ipam9Allocator4Core6cancelENS0_9RequestIdE"
void real_cancel(void* core, ipam::RequestId id) asm("__real_" WEFT_CANCEL);
void wrap_cancel(void* core, ipam::RequestId id) asm("__wrap_" WEFT_CANCEL);
void wrap_cancel(void* core, ipam::RequestId id) {
  if (!mutant("cancelled_kept")) real_cancel(core, id);
}

#define WEFT_ENTRY "_ZNK4weft4ipam10OwnedTable5entryESt17basic_string_viewIcSt11char_traitsIcEE"
ipam::Owned real_entry(const ipam::OwnedTable* self,
                       std::string_view ident) asm("__real_" WEFT_ENTRY);
ipam::Owned wrap_entry(const ipam::OwnedTable* self,
                       std::string_view ident) asm("__wrap_" WEFT_ENTRY);
ipam::Owned wrap_entry(const ipam::OwnedTable* self, std::string_view ident) {
  if (mutant("owned_unstored")) return {};
  return real_entry(self, ident);
}

// The mangled name of collect(const std::map<PeerName, PeerName>&).
#define WEFT_COLLECT                                                                       \
  "_ZN4weft6gossip8Topology7collectERKSt3mapINS_8PeerNameES3_St4lessIS3_ESaISt4pairIKS3_S" \
  "3_EEE"
using Reached = std::map<PeerName, PeerName>;
std::vector<PeerName> real_collect(gossip::Topology* self,
                                   const Reached& reached) asm("__real_" WEFT_COLLECT);
std::vector<PeerName> wrap_collect(gossip::Topology* self,
                                   const Reached& reached) asm("__wrap_" WEFT_COLLECT);
std::vector<PeerName> wrap_collect(gossip::Topology* self, const Reached& reached) {
  if (mutant("gone_peers_kept")) return {};
  return real_collect(self, reached);
}

#define WEFT_ESTABLISH "_ZN4weft6gossip8Topology20establish_connectionENS_8PeerNameE"
void real_establish(gossip::Topology* self, PeerName peer) asm("__real_" WEFT_ESTABLISH);
void wrap_establish(gossip::Topology* self, PeerName peer) asm("__wrap_" WEFT_ESTABLISH);
void wrap_establish(gossip::Topology* self, PeerName peer) {
  if (!mutant("established_untold")) real_establish(self, peer);
}

#define WEFT_REDUNDANT "_ZNK4weft6gossip6Routes9redundantENS_8PeerNameE"
bool real_redundant(const void* routes, PeerName neighbour) asm("__real_" WEFT_REDUNDANT);
bool wrap_redundant(const void* routes, PeerName neighbour) asm("__wrap_" WEFT_REDUNDANT);
bool wrap_redundant(const void* routes, PeerName neighbour) {
  return !mutant("limit_exceeded") && real_redundant(routes, neighbour);
}

#define WEFT_UPDATE_FLOODS "_ZN4weft6gossip6Routes13update_floodsERKSt6vectorINS1_6ChangeESaIS3_EE"
void real_update_floods(void* routes, const void* changes) asm("__real_" WEFT_UPDATE_FLOODS);
void wrap_update_floods(void* routes, const void* changes) asm("__wrap_" WEFT_UPDATE_FLOODS);
void wrap_update_floods(void* routes, const void* changes) {
  if (!mutant("trees_stale")) real_update_floods(routes, changes);
}

// The mangled name of recalculate(const std::map<PeerName, PeerRecord>&).
#define WEFT_RECALCULATE                                                                 \
  "_ZN4weft6gossip6Routes11recalculateERKSt3mapINS_8PeerNameENS0_10PeerRecordESt4lessIS" \
  "3_ESaISt4pairIKS3_S4_EEE"
using Records = std::map<PeerName, gossip::PeerRecord>;
bool real_recalculate(gossip::Routes* self, const Records& peers) asm("__real_" WEFT_RECALCULATE);
bool wrap_recalculate(gossip::Routes* self, const Records& peers) asm("__wrap_" WEFT_RECALCULATE);
bool wrap_recalculate(gossip::Routes* self, const Records& peers) {
  bool changed = real_recalculate(self, peers);
  if (!mutant("unicast_astray")) return changed;
  // All but the neighbours themselves are said to lie behind the first neighbour.
  auto& table = const_cast<std::map<PeerName, PeerName>&>(self->unicast());
  auto first = std::find_if(table.begin(), table.end(),
                            [](const auto& route) { return route.first == route.second; });
  for (auto& [destination, hop] : table) {
    if (hop.known() && destination != hop) hop = first->first;
  }
  return changed;
}

#define WEFT_START "_ZN4weft4ipam9Allocator4Core5startERKNS0_15StoredAllocatorE"
void real_start(void* core, const ipam::StoredAllocator& stored) asm("__real_" WEFT_START);
void wrap_start(void* core, const ipam::StoredAllocator& stored) asm("__wrap_" WEFT_START);
void wrap_start(void* core, const ipam::StoredAllocator& stored) {
  if (mutant("owned_not_restored")) return real_start(core, {.ring = stored.ring, .owned = {}});
  real_start(core, stored);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)

}  // namespace weft
