// SPDX-License-Identifier: Apache-2.0
// A set of addresses kept as disjoint, non-adjacent ranges: its cost depends on how broken up the
// set is, never on how many addresses it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/ip.h"

namespace weft::ipam {

class IntervalSet {
 public:
  IntervalSet() = default;
  explicit IntervalSet(const std::vector<IpRange>& ranges);

  // Union and difference; parts that are in (or out) already are no matter.
  void add(IpRange range);
  void remove(IpRange range);
  void clear();

  bool empty() const { return ends_.empty(); }
  bool contains(Ipv4Addr addr) const;
  bool intersects(IpRange range) const { return first_in(range).has_value(); }
  std::optional<Ipv4Addr> first_in(IpRange range) const;
  std::uint64_t size() const { return size_; }
  std::size_t range_count() const { return ends_.size(); }
  std::uint64_t size_in(IpRange range) const;
  std::vector<IpRange> ranges() const;
  // The set's ranges clipped to `range`, in order.
  std::vector<IpRange> ranges_in(IpRange range) const;

  friend bool operator==(const IntervalSet&, const IntervalSet&) = default;

 private:
  using Map = std::map<std::uint32_t, std::uint32_t>;  // start → end
  // The first range that ends after `addr`: the one holding it, or the next.
  Map::const_iterator reaching(std::uint32_t addr) const;

  Map ends_;
  std::uint64_t size_ = 0;
};

// What is in `a` and not in `b`, in order.
std::vector<IpRange> difference(const IntervalSet& a, const IntervalSet& b);

}  // namespace weft::ipam
