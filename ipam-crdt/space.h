// SPDX-License-Identifier: Apache-2.0
// Which addresses of our own ranges are in use and which are free. It follows the ring: whoever
// changes the ring's idea of what is ours calls set_ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "ipam-crdt/interval_set.h"

namespace weft::ipam {

// The largest power-of-two sized, equally aligned block inside a range that is not empty.
IpRange biggest_cidr(IpRange range);

class Space {
 public:
  struct Change {
    std::vector<IpRange> gained;
    std::vector<IpRange> lost;
  };
  // Makes exactly these ranges ours: what is new is free, what is gone is forgotten, used or not.
  Change set_ranges(const std::vector<IpRange>& ranges);

  // The lowest free address in the range becomes used.
  std::optional<Ipv4Addr> allocate(IpRange range);
  // An Error if the address is not ours, or not free (not used, for release).
  Result<> claim(Ipv4Addr addr);
  Result<> release(Ipv4Addr addr);
  // Gives up the block that `set_ranges` and the ring are to lose: the biggest free one in the
  // range, or its upper half if that is more than half of what is free there.
  std::optional<IpRange> donate(IpRange range);

  bool owns(Ipv4Addr addr) const { return owned_.contains(addr); }
  bool is_used(Ipv4Addr addr) const { return used_.contains(addr); }
  bool any_used(IpRange range) const { return used_.intersects(range); }
  std::uint64_t free_in(IpRange range) const { return free_.size_in(range); }
  std::uint64_t free_count() const { return free_.size(); }
  std::uint64_t used_count() const { return used_.size(); }

  const IntervalSet& owned() const { return owned_; }
  const IntervalSet& used() const { return used_; }
  const IntervalSet& free() const { return free_; }

 private:
  IntervalSet owned_;  // = used_ ∪ free_, which are disjoint
  IntervalSet used_;
  IntervalSet free_;
};

}  // namespace weft::ipam
