// SPDX-License-Identifier: Apache-2.0
// Who owns which part of the universe: a replicated list of tokens that peers gossip whole and
// merge. An entry owns the addresses from its token up to the next one; the last wraps around to
// the first. See docs/wire/ipam.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/peer_name.h"
#include "base/result.h"

namespace weft::ipam {

class IntervalSet;
class Space;

struct RingEntry {
  Ipv4Addr token;
  PeerName peer;
  std::uint32_t version = 0;  // raised by the owner at every change
  std::uint32_t free = 0;     // what the owner last reported

  friend bool operator==(const RingEntry&, const RingEntry&) = default;
};

// A ring as it is sent and stored: plain values that may break every rule.
struct RingData {
  IpRange universe;
  PeerName holder;  // whose copy this is
  std::vector<RingEntry> entries;
  std::vector<PeerName> seeds;  // the peers that the ring was first divided among

  friend bool operator==(const RingData&, const RingData&) = default;
};

// Tokens ascending, inside the universe and no two alike; no entry with more free than it owns.
Result<> check_ring(const RingData& ring);

struct MergeOutcome {
  std::optional<Error> error;  // refused: only a version may have been lifted
  std::string why;             // for people: names peer and address
  bool updated = false;        // something was taken from the incoming ring
  // Something else changed: a version of ours was raised past one we had forgotten (even if then
  // the merge was refused), or the seeds were adopted.
  bool touched = false;
  bool other_seeds = false;      // refused: the two were divided among different peers
  std::optional<Ipv4Addr> tied;  // refused: this entry of ours has an equal-version rival
};

struct FreeSettled {
  bool lowered = false;  // a count of somebody else's
  bool raised = false;   // a version of ours
};

struct RangeOwner {
  IpRange range;
  std::size_t entry = 0;  // index into entries
};

// Every range with its entry, in order of address; an entry that wraps has two. For rings that
// keep the rules.
std::vector<RangeOwner> ranges(const RingData& ring);
std::vector<IpRange> ranges_of(const RingData& ring, PeerName peer);

class Ring {
 public:
  Ring(IpRange universe, PeerName self);
  // An Error if the data break a rule; the copy becomes that of `self`.
  static Result<Ring> restore(RingData data, PeerName self);

  bool empty() const { return data_.entries.empty(); }
  PeerName self() const { return data_.holder; }
  IpRange universe() const { return data_.universe; }
  const std::vector<RingEntry>& entries() const { return data_.entries; }
  const std::vector<PeerName>& seeds() const { return data_.seeds; }
  const RingData& data() const { return data_; }

  // Divides an empty ring among the peers, which are sorted and unique.
  void claim_for_peers(const std::vector<PeerName>& peers);
  // Gives a range, all of which is ours, to a peer.
  void grant(IpRange range, PeerName to);
  // Takes what is newer in a peer's copy, and never gives away an address that is in use.
  MergeOutcome merge(const RingData& theirs, const IntervalSet& used);
  // After a merge, in which Weave leaves it open for ever: one version of an entry with two free
  // counts, because its owner has run from an older disk, or somebody uses its name. The owner
  // ends that with a higher version; until then, or if it is gone, the lower count holds.
  FreeSettled settle_free(const RingData& theirs);
  // All that was `from`'s becomes `to`'s, with versions that beat what `from` may still send.
  std::vector<IpRange> transfer(PeerName from, PeerName to);
  // Sets our entries' free counts to what is so; whether any changed (and its version with it).
  bool report_free(const Space& space);
  // As report_free for one change: `delta` more (or less) are free at `addr`, which is ours.
  void adjust_free(Ipv4Addr addr, int delta);
  // Raises the version of the entry with this token, if there is one and it is ours.
  bool reassert(Ipv4Addr token);

  std::vector<IpRange> ranges_of(PeerName peer) const { return ipam::ranges_of(data_, peer); }
  // Nothing if the ring is empty or the address outside.
  std::optional<PeerName> owner(Ipv4Addr addr) const;
  bool has_entries_of(PeerName peer) const;
  // What the owners of entries that touch the range report as free, ourselves left out; an owner
  // with nothing free is in the map with 0.
  std::map<PeerName, std::uint64_t> others_free(IpRange range) const;

 private:
  friend class Merge;
  std::size_t entry_index(Ipv4Addr addr) const;  // of the entry that covers it
  // How far it is around the ring from a to b; the whole ring if they are the same.
  std::uint32_t distance(Ipv4Addr a, Ipv4Addr b) const;
  Ipv4Addr next_token(std::size_t index) const;

  RingData data_;
};

// The peers of a consensus or seed list, sorted and each once.
std::vector<PeerName> normalised(std::vector<PeerName> peers);

}  // namespace weft::ipam
