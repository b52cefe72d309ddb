// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/ring.h"

#include <algorithm>
#include <limits>

#include "base/ensure.h"
#include "ipam-crdt/space.h"

namespace weft::ipam {
namespace {

// What a take-over adds: more than its victim can have gone ahead unheard.
constexpr std::uint32_t kTransferStep = 100;

// A peer may send the largest version there is; ours then stays there rather than start again.
void raise(RingEntry& entry, std::uint32_t by = 1) {
  std::uint32_t room = std::numeric_limits<std::uint32_t>::max() - entry.version;
  entry.version += std::min(by, room);
}

std::uint32_t distance_in(IpRange universe, Ipv4Addr a, Ipv4Addr b) {
  return b > a ? b - a : (universe.end - a) + (b - universe.start);
}

bool before(const RingEntry& entry, Ipv4Addr addr) {
  return entry.token < addr;
}

Error broken(std::string_view what) {
  return {.code = Errc::bad_value, .what = what};
}

}  // namespace

Result<> check_ring(const RingData& ring) {
  if (ring.universe.empty()) return broken("ring: empty universe");
  const auto& entries = ring.entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!ring.universe.contains(entries[i].token)) return broken("ring: token out of range");
    if (i > 0 && entries[i].token == entries[i - 1].token) return broken("ring: token repeated");
    if (i > 0 && entries[i].token < entries[i - 1].token) return broken("ring: not sorted");
    Ipv4Addr next = entries[(i + 1) % entries.size()].token;
    if (i + 1 < entries.size() && next <= entries[i].token) continue;  // the next turn says how
    if (entries[i].free > distance_in(ring.universe, entries[i].token, next)) {
      return broken("ring: more free than owned");
    }
  }
  return {};
}

std::vector<RangeOwner> ranges(const RingData& ring) {
  std::vector<RangeOwner> out;
  const auto& entries = ring.entries;
  if (entries.empty()) return out;
  out.reserve(entries.size() + 1);
  std::size_t last = entries.size() - 1;
  if (entries.front().token != ring.universe.start) {
    out.push_back({{ring.universe.start, entries.front().token}, last});
  }
  for (std::size_t i = 0; i < last; ++i) {
    out.push_back({{entries[i].token, entries[i + 1].token}, i});
  }
  out.push_back({{entries[last].token, ring.universe.end}, last});
  return out;
}

std::vector<IpRange> ranges_of(const RingData& ring, PeerName peer) {
  std::vector<IpRange> out;
  for (const RangeOwner& part : ranges(ring)) {
    if (ring.entries[part.entry].peer == peer) out.push_back(part.range);
  }
  return out;
}

std::vector<PeerName> normalised(std::vector<PeerName> peers) {
  std::sort(peers.begin(), peers.end());
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  return peers;
}

Ring::Ring(IpRange universe, PeerName self) : data_{.universe = universe, .holder = self} {
  ensure(!universe.empty(), "ring: the universe is empty");
}

Result<Ring> Ring::restore(RingData data, PeerName self) {
  if (auto ok = check_ring(data); !ok) return ok.error();
  Ring ring(data.universe, self);
  ring.data_ = std::move(data);
  ring.data_.holder = self;
  return ring;
}

void Ring::claim_for_peers(const std::vector<PeerName>& peers) {
  ensure(empty() && !peers.empty(), "ring: claimed twice or for nobody");
  struct Part {
    IpRange range;
    std::size_t first;
    std::size_t count;
  };
  std::vector<Part> parts{{data_.universe, 0, peers.size()}};
  while (!parts.empty()) {
    Part part = parts.back();
    parts.pop_back();
    std::uint32_t size = part.range.size();
    if (size == 0) continue;
    if (size == 1 || part.count == 1) {
      data_.entries.push_back({.token = part.range.start, .peer = peers[part.first], .free = size});
      continue;
    }
    Ipv4Addr middle = part.range.start + size / 2;
    std::size_t lower = part.count / 2;
    parts.push_back({{middle + size % 2, part.range.end}, part.first + lower, part.count - lower});
    parts.push_back({{part.range.start, middle}, part.first, lower});
  }
  data_.seeds = peers;
}

std::uint32_t Ring::distance(Ipv4Addr a, Ipv4Addr b) const {
  return distance_in(data_.universe, a, b);
}

Ipv4Addr Ring::next_token(std::size_t index) const {
  return data_.entries[(index + 1) % data_.entries.size()].token;
}

std::size_t Ring::entry_index(Ipv4Addr addr) const {
  const auto& entries = data_.entries;
  auto it = std::upper_bound(entries.begin(), entries.end(), addr,
                             [](Ipv4Addr a, const RingEntry& e) { return a < e.token; });
  return it == entries.begin() ? entries.size() - 1
                               : static_cast<std::size_t>(it - entries.begin()) - 1;
}

void Ring::grant(IpRange range, PeerName to) {
  auto& entries = data_.entries;
  const auto at = [&](Ipv4Addr a) {
    return std::lower_bound(entries.begin(), entries.end(), a, before);
  };
  ensure(!empty() && !range.empty() && data_.universe.contains(range.start) &&
             range.end <= data_.universe.end,
         "ring: grant outside the ring");
  std::size_t covering = entry_index(range.start);
  ensure(entries[covering].peer == self(), "ring: grant of what is not ours");
  std::uint32_t first_free = std::min(distance(range.start, next_token(covering)), range.size());
  auto it = at(range.start);
  if (entries[covering].token == range.start) {
    entries[covering].peer = to;
    entries[covering].free = first_free;
    raise(entries[covering]);
  } else {
    entries[covering].free = distance(entries[covering].token, range.start);
    raise(entries[covering]);
    it = entries.insert(it, {.token = range.start, .peer = to, .free = first_free});
  }
  for (++it; it != entries.end() && it->token < range.end; ++it) {
    ensure(it->peer == self(), "ring: grant of what is not ours");
    it->peer = to;
    it->free = std::min(it->free, distance(it->token, range.end));
    raise(*it);
  }
  Ipv4Addr end = range.end == data_.universe.end ? data_.universe.start : range.end;
  it = at(end);
  if (it != entries.end() && it->token == end) return;
  Ipv4Addr next = it == entries.end() ? entries.front().token : it->token;
  entries.insert(it, {.token = end, .peer = self(), .free = distance(end, next)});
}

std::vector<IpRange> Ring::transfer(PeerName from, PeerName to) {
  std::vector<IpRange> moved = ranges_of(from);
  for (RingEntry& entry : data_.entries) {
    if (entry.peer != from) continue;
    entry.peer = to;
    raise(entry, kTransferStep);
  }
  return moved;
}

bool Ring::report_free(const Space& space) {
  std::vector<std::uint64_t> free(data_.entries.size());
  for (const RangeOwner& part : ranges(data_)) {
    if (data_.entries[part.entry].peer == self()) free[part.entry] += space.free_in(part.range);
  }
  bool changed = false;
  for (std::size_t i = 0; i < free.size(); ++i) {
    RingEntry& entry = data_.entries[i];
    if (entry.peer != self() || entry.free == free[i]) continue;
    entry.free = static_cast<std::uint32_t>(free[i]);
    raise(entry);
    changed = true;
  }
  return changed;
}

void Ring::adjust_free(Ipv4Addr addr, int delta) {
  RingEntry& entry = data_.entries[entry_index(addr)];
  ensure(entry.peer == self(), "ring: a free count that is not ours");
  entry.free = static_cast<std::uint32_t>(static_cast<std::int64_t>(entry.free) + delta);
  raise(entry);
}

bool Ring::reassert(Ipv4Addr token) {
  if (empty()) return false;
  RingEntry& entry = data_.entries[entry_index(token)];
  if (entry.token != token || entry.peer != self()) return false;
  raise(entry);
  return true;
}

std::optional<PeerName> Ring::owner(Ipv4Addr addr) const {
  if (empty() || !data_.universe.contains(addr)) return std::nullopt;
  return data_.entries[entry_index(addr)].peer;
}

bool Ring::has_entries_of(PeerName peer) const {
  return std::any_of(data_.entries.begin(), data_.entries.end(),
                     [&](const RingEntry& entry) { return entry.peer == peer; });
}

std::map<PeerName, std::uint64_t> Ring::others_free(IpRange range) const {
  std::map<PeerName, std::uint64_t> out;
  std::optional<std::size_t> counted;  // an entry that wraps comes first and last
  for (const RangeOwner& part : ranges(data_)) {
    const RingEntry& entry = data_.entries[part.entry];
    if (!part.range.overlaps(range) || entry.peer == self() || counted == part.entry) continue;
    if (!counted) counted = part.entry;
    out[entry.peer] += entry.free;
  }
  return out;
}

}  // namespace weft::ipam
