// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/interval_set.h"

#include <algorithm>

namespace weft::ipam {

IntervalSet::IntervalSet(const std::vector<IpRange>& ranges) {
  for (IpRange range : ranges)
    add(range);
}

void IntervalSet::add(IpRange range) {
  if (range.empty()) return;
  std::uint32_t start = range.start.value;
  std::uint32_t end = range.end.value;
  auto it = ends_.lower_bound(start);
  if (it != ends_.begin() && std::prev(it)->second >= start) --it;
  while (it != ends_.end() && it->first <= end) {
    start = std::min(start, it->first);
    end = std::max(end, it->second);
    size_ -= it->second - it->first;
    it = ends_.erase(it);
  }
  ends_.emplace_hint(it, start, end);
  size_ += end - start;
}

void IntervalSet::remove(IpRange range) {
  if (range.empty()) return;
  std::uint32_t start = range.start.value;
  std::uint32_t end = range.end.value;
  Map::const_iterator it = reaching(start);
  while (it != ends_.end() && it->first < end) {
    std::uint32_t from = it->first;
    std::uint32_t to = it->second;
    it = ends_.erase(it);
    size_ -= std::min(to, end) - std::max(from, start);
    if (from < start) ends_.emplace_hint(it, from, start);
    if (to > end) it = ends_.emplace_hint(it, end, to);
  }
}

void IntervalSet::clear() {
  ends_.clear();
  size_ = 0;
}

IntervalSet::Map::const_iterator IntervalSet::reaching(std::uint32_t addr) const {
  auto it = ends_.upper_bound(addr);
  if (it != ends_.begin() && std::prev(it)->second > addr) --it;
  return it;
}

bool IntervalSet::contains(Ipv4Addr addr) const {
  auto it = reaching(addr.value);
  return it != ends_.end() && it->first <= addr.value;
}

std::optional<Ipv4Addr> IntervalSet::first_in(IpRange range) const {
  if (range.empty()) return std::nullopt;
  auto it = reaching(range.start.value);
  if (it == ends_.end() || it->first >= range.end.value) return std::nullopt;
  return Ipv4Addr{std::max(it->first, range.start.value)};
}

std::uint64_t IntervalSet::size_in(IpRange range) const {
  if (range.empty()) return 0;
  std::uint64_t sum = 0;
  for (auto it = reaching(range.start.value); it != ends_.end() && it->first < range.end.value;
       ++it) {
    sum += std::min(it->second, range.end.value) - std::max(it->first, range.start.value);
  }
  return sum;
}

std::vector<IpRange> IntervalSet::ranges() const {
  std::vector<IpRange> out;
  out.reserve(ends_.size());
  for (const auto& [start, end] : ends_)
    out.push_back({{start}, {end}});
  return out;
}

std::vector<IpRange> IntervalSet::ranges_in(IpRange range) const {
  std::vector<IpRange> out;
  if (range.empty()) return out;
  for (auto it = reaching(range.start.value); it != ends_.end() && it->first < range.end.value;
       ++it) {
    out.push_back(
        {{std::max(it->first, range.start.value)}, {std::min(it->second, range.end.value)}});
  }
  return out;
}

std::vector<IpRange> difference(const IntervalSet& a, const IntervalSet& b) {
  std::vector<IpRange> out;
  std::vector<IpRange> holes = b.ranges();
  auto hole = holes.begin();
  for (IpRange range : a.ranges()) {
    while (hole != holes.end() && hole->end <= range.start)
      ++hole;
    for (auto it = hole; it != holes.end() && it->start < range.end; ++it) {
      if (range.start < it->start) out.push_back({range.start, it->start});
      range.start = std::min(std::max(range.start, it->end), range.end);
    }
    if (!range.empty()) out.push_back(range);
  }
  return out;
}

}  // namespace weft::ipam
