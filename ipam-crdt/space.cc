// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/space.h"

#include <bit>

namespace weft::ipam {
namespace {

IpRange single(Ipv4Addr addr) {
  return {addr, addr + 1};
}

IpRange block(std::uint64_t start, std::uint64_t size) {
  return {{static_cast<std::uint32_t>(start)}, {static_cast<std::uint32_t>(start + size)}};
}

}  // namespace

IpRange biggest_cidr(IpRange range) {
  std::uint64_t start = range.start.value;
  std::uint64_t size = range.size();
  std::uint64_t m = std::bit_floor(size);
  std::uint64_t beyond = start % m;
  if (beyond == 0) return block(start, m);
  if (m - beyond <= size - m) return block(start + (m - beyond), m);
  m /= 2;
  if (m >= beyond) return block(start + (m - beyond), m);
  return block(start + (2 * m - beyond), m);
}

Space::Change Space::set_ranges(const std::vector<IpRange>& ranges) {
  IntervalSet next(ranges);
  Change change{.gained = difference(next, owned_), .lost = difference(owned_, next)};
  for (IpRange lost : change.lost) {
    free_.remove(lost);
    used_.remove(lost);
  }
  for (IpRange gained : change.gained)
    free_.add(gained);
  owned_ = std::move(next);
  return change;
}

std::optional<Ipv4Addr> Space::allocate(IpRange range) {
  auto addr = free_.first_in(range);
  if (!addr) return std::nullopt;
  free_.remove(single(*addr));
  used_.add(single(*addr));
  return addr;
}

Result<> Space::claim(Ipv4Addr addr) {
  if (!free_.contains(addr)) return Error{.code = Errc::conflict, .what = "address is not free"};
  free_.remove(single(addr));
  used_.add(single(addr));
  return {};
}

Result<> Space::release(Ipv4Addr addr) {
  if (!used_.contains(addr)) return Error{.code = Errc::not_found, .what = "address is not used"};
  used_.remove(single(addr));
  free_.add(single(addr));
  return {};
}

std::optional<IpRange> Space::donate(IpRange range) {
  std::optional<IpRange> best;
  std::uint64_t total = 0;
  for (IpRange chunk : free_.ranges_in(range)) {
    total += chunk.size();
    IpRange candidate = biggest_cidr(chunk);
    if (!best || candidate.size() >= best->size()) best = candidate;
  }
  if (!best) return std::nullopt;
  if (best->size() > total / 2) best->start = best->start + best->size() / 2;
  free_.remove(*best);
  owned_.remove(*best);
  return best;
}

}  // namespace weft::ipam
