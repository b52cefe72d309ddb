// SPDX-License-Identifier: Apache-2.0
#include "router/overlay/mac_table.h"

#include <algorithm>

namespace weft::overlay {

MacTable::Position MacTable::position(MacAddr mac) {
  return std::ranges::lower_bound(entries_, mac, {}, &Entry::mac);
}

std::optional<PeerName> MacTable::find(MacAddr mac) const {
  const auto at = std::ranges::lower_bound(entries_, mac, {}, &Entry::mac);
  if (at == entries_.end() || at->mac != mac) return std::nullopt;
  return at->peer;
}

MacTable::Learning MacTable::insert(Position at, Entry entry, std::size_t limit) {
  if (entries_.size() >= limit) return {.outcome = Outcome::full};
  if (entries_.empty()) next_sweep_ = entry.last_seen + kRefreshInterval;
  entries_.insert(at, entry);
  return {.outcome = Outcome::learnt};
}

MacTable::Learning MacTable::refresh(TimePoint now, Entry& entry) {
  if (now - entry.last_seen <= kRefreshInterval) return {};
  entry.last_seen = now;
  return {.refreshed = true};
}

MacTable::Learning MacTable::add(TimePoint now, MacAddr mac, PeerName peer) {
  const auto at = position(mac);
  if (at == entries_.end() || at->mac != mac) return insert(at, {mac, peer, now}, kMacsMax);
  if (at->peer != peer) return {.outcome = Outcome::conflict, .previous = at->peer};
  return refresh(now, *at);
}

MacTable::Learning MacTable::add_forced(TimePoint now, MacAddr mac, PeerName peer) {
  const auto at = position(mac);
  if (at == entries_.end() || at->mac != mac) return insert(at, {mac, peer, now}, kRemoteMacsMax);
  if (at->peer == peer) return refresh(now, *at);
  const PeerName previous = at->peer;
  at->peer = peer;
  at->last_seen = now;
  return {.outcome = Outcome::moved, .previous = previous};
}

void MacTable::remove_peer(PeerName peer) {
  std::erase_if(entries_, [peer](const Entry& e) { return e.peer == peer; });
}

void MacTable::sweep(TimePoint now) {
  if (entries_.empty() || now < next_sweep_) return;
  next_sweep_ = now + kRefreshInterval;
  std::erase_if(entries_, [now](const Entry& e) { return now - e.last_seen > kAgeMax; });
}

std::optional<TimePoint> MacTable::next_sweep() const {
  if (entries_.empty()) return std::nullopt;
  return next_sweep_;
}

}  // namespace weft::overlay
