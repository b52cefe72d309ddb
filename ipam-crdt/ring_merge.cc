// SPDX-License-Identifier: Apache-2.0
// The merge of a peer's ring into ours: one walk over both sorted lists, by Weave's rules, and then
// a check of the result that Weave lacks: no address in use may have left our ranges.
#include <algorithm>
#include <limits>

#include "ipam-crdt/interval_set.h"
#include "ipam-crdt/ring.h"
#include "ipam-crdt/wire_limits.h"

namespace weft::ipam {
namespace {

std::string peers_text(const std::vector<PeerName>& peers) {
  std::string out;
  for (PeerName peer : peers)
    out += (out.empty() ? "" : ",") + peer.text();
  return out;
}

std::string what_of(const RingEntry& entry) {
  return entry.token.text() + " v" + std::to_string(entry.version) + " of " + entry.peer.text();
}

}  // namespace

class Merge {
 public:
  Merge(Ring& ring, const RingData& theirs, const IntervalSet& used)
      : ring_(ring), mine_(ring.data_.entries), theirs_(theirs), used_(used) {}

  MergeOutcome run() {
    if (comparable() && walk()) adopt();
    if (out_.error) out_.updated = false;
    return std::move(out_);
  }

 private:
  bool refuse(Error error, std::string why) {
    out_.error = error;
    out_.why = std::move(why);
    return false;
  }

  bool comparable() {
    const RingData& own = ring_.data_;
    if (theirs_.universe != own.universe) {
      return refuse({.code = Errc::conflict, .what = "incompatible IP allocation ranges"},
                    "the ring of " + theirs_.holder.text() + " covers " +
                        range_text(theirs_.universe) + ", ours " + range_text(own.universe) +
                        ": start both with the same --ipalloc-range");
    }
    if (auto ok = check_ring(theirs_); !ok) {
      return refuse(ok.error(), "the ring of " + theirs_.holder.text() +
                                    " breaks the rules: " + std::string(ok.error().what));
    }
    if (!own.seeds.empty() && !theirs_.seeds.empty() && own.seeds != theirs_.seeds) {
      out_.other_seeds = true;
      return refuse({.code = Errc::conflict, .what = "IP allocation was seeded by different peers"},
                    "the ring of " + theirs_.holder.text() + " was seeded by " +
                        peers_text(theirs_.seeds) + ", ours by " + peers_text(own.seeds) +
                        ": run 'weave reset' on the hosts of one side and start them again");
    }
    return true;
  }

  // Start and end as they came: either may be anything.
  static std::string range_text(IpRange range) {
    return "[" + range.start.text() + "," + range.end.text() + ")";
  }

  bool walk() {
    merged_.reserve(mine_.size() + theirs_.entries.size());
    while (i_ < mine_.size() || j_ < theirs_.entries.size()) {
      bool go_on = true;
      bool theirs_left = j_ < theirs_.entries.size();
      bool mine_left = i_ < mine_.size();
      if (!theirs_left || (mine_left && mine_[i_].token < theirs_.entries[j_].token)) {
        take_mine();
      } else if (!mine_left || theirs_.entries[j_].token < mine_[i_].token) {
        go_on = insert_theirs();
      } else {
        go_on = decide();
      }
      if (!go_on) return false;
    }
    return true;
  }

  void take_mine() {
    previous_ = mine_[i_].peer;
    merged_.push_back(mine_[i_++]);
  }

  void take_theirs() {
    previous_.reset();
    merged_.push_back(theirs_.entries[j_++]);
    out_.updated = true;
  }

  // A token that we do not have. Behind our last entry Weave refuses it whether or not anything
  // is allocated there, and so do we: its owner did not get that range from us.
  bool insert_theirs() {
    const RingEntry& theirs = theirs_.entries[j_];
    if (previous_ == ring_.self() && theirs.peer != ring_.self()) {
      bool at_end = i_ == mine_.size();
      if (at_end || used_.intersects({theirs.token, mine_[i_].token})) {
        return refuse({.code = Errc::conflict, .what = "entry in my range"},
                      theirs_.holder.text() + " says that the range from " + what_of(theirs) +
                          " is not ours, but it lies in a range of ours");
      }
    }
    take_theirs();
    return true;
  }

  // Both sides have the token.
  bool decide() {
    RingEntry& mine = mine_[i_];
    const RingEntry& theirs = theirs_.entries[j_];
    if (mine.version == theirs.version) return mine.peer == theirs.peer ? keep() : break_tie();
    if (mine.version > theirs.version) return keep();
    if (mine.peer != ring_.self()) return yield();
    if (theirs.peer == ring_.self()) return lift();
    if (!mine_is_used()) return yield();
    return refuse({.code = Errc::conflict, .what = "received update for range I own"},
                  "we hold " + what_of(mine) + " with addresses in use, but " +
                      theirs_.holder.text() + " says it is " + what_of(theirs));
  }

  bool keep() {
    take_mine();
    ++j_;
    return true;
  }

  bool yield() {
    take_theirs();
    ++i_;
    return true;
  }

  // A version of ours that we have forgotten, as after the loss of our disk: ours is the truth, so
  // it is lifted past that. `previous_` stays as it was, as in Weave.
  bool lift() {
    RingEntry& mine = mine_[i_];
    constexpr std::uint32_t kMax = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t version = theirs_.entries[j_].version;
    mine.version = version == kMax ? kMax : version + 1;
    out_.touched = true;
    merged_.push_back(mine);
    ++i_;
    ++j_;
    return true;
  }

  // Same version, different owners: more free space wins, and then (Weave: nobody) the lower name.
  bool break_tie() {
    const RingEntry& mine = mine_[i_];
    const RingEntry& theirs = theirs_.entries[j_];
    if (mine.peer == ring_.self() && mine_is_used()) {
      out_.tied = mine.token;
      return refuse({.code = Errc::conflict, .what = "inconsistent entries"},
                    "we hold " + what_of(mine) + " with addresses in use, but " +
                        theirs_.holder.text() + " says it is " + what_of(theirs));
    }
    bool mine_wins = mine.free != theirs.free ? mine.free > theirs.free : mine.peer < theirs.peer;
    return mine_wins ? keep() : yield();
  }

  // Whether anything is in use between this token of mine and my next.
  bool mine_is_used() const {
    Ipv4Addr start = mine_[i_].token;
    Ipv4Addr next = ring_.next_token(i_);
    if (next > start) return used_.intersects({start, next});
    IpRange universe = ring_.universe();
    return used_.intersects({start, universe.end}) || used_.intersects({universe.start, next});
  }

  void adopt() {
    if (merged_.size() > std::max(kRingEntriesMax, mine_.size())) {
      refuse({.code = Errc::too_large, .what = "ipam: too many ring entries"},
             "merging the ring of " + theirs_.holder.text() + " would make " +
                 std::to_string(merged_.size()) + " entries");
      return;
    }
    RingData result = ring_.data_;
    result.entries = std::move(merged_);
    for (std::size_t i = 0; i < result.entries.size(); ++i)
      clamp(result, i);
    if (auto ok = check_ring(result); !ok) {
      refuse(ok.error(), "merging the ring of " + theirs_.holder.text() +
                             " breaks the rules: " + std::string(ok.error().what));
      return;
    }
    if (!keeps_used_addresses(result)) return;
    if (result.seeds.empty() && !theirs_.seeds.empty()) {
      result.seeds = theirs_.seeds;
      out_.touched = true;
    }
    ring_.data_ = std::move(result);
  }

  void clamp(RingData& result, std::size_t index) const {
    RingEntry& entry = result.entries[index];
    if (entry.peer != ring_.self()) return;
    Ipv4Addr next = result.entries[(index + 1) % result.entries.size()].token;
    entry.free = std::min(entry.free, ring_.distance(entry.token, next));
  }

  // Weave looks only at the ranges next to a token it decides on, so a split of a neighbouring
  // entry can slip an address in use to somebody else. Compares all of what was and is ours.
  bool keeps_used_addresses(const RingData& result) {
    IntervalSet before(ring_.ranges_of(ring_.self()));
    IntervalSet after(ranges_of(result, ring_.self()));
    for (IpRange lost : difference(before, after)) {
      if (auto addr = used_.first_in(lost)) {
        return refuse({.code = Errc::conflict, .what = "merge would lose an address in use"},
                      "the ring of " + theirs_.holder.text() + " gives away " + lost.text() +
                          ", where we have " + addr->text() + " in use");
      }
    }
    return true;
  }

  Ring& ring_;
  std::vector<RingEntry>& mine_;
  const RingData& theirs_;
  const IntervalSet& used_;
  std::vector<RingEntry> merged_;
  std::size_t i_ = 0;
  std::size_t j_ = 0;
  std::optional<PeerName> previous_;  // owner of the last entry, if it was taken from mine
  MergeOutcome out_;
};

MergeOutcome Ring::merge(const RingData& theirs, const IntervalSet& used) {
  return Merge(*this, theirs, used).run();
}

FreeSettled Ring::settle_free(const RingData& theirs) {
  FreeSettled settled;
  auto other = theirs.entries.begin();
  for (RingEntry& mine : data_.entries) {
    while (other != theirs.entries.end() && other->token < mine.token)
      ++other;
    if (other == theirs.entries.end()) break;
    const bool is_same = other->token == mine.token && other->version == mine.version &&
                         other->peer == mine.peer && other->free != mine.free;
    if (!is_same) continue;
    if (mine.peer == self()) {
      settled.raised = reassert(mine.token) || settled.raised;
    } else if (other->free < mine.free) {
      mine.free = other->free;
      settled.lowered = true;
    }
  }
  return settled;
}

}  // namespace weft::ipam
