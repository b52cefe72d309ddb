// SPDX-License-Identifier: Apache-2.0
// What the topology remembers of its own past: the differences between versions of a record, and
// records made from such differences.
#include <algorithm>
#include <iterator>
#include <utility>

#include "gossip/internal/mix.h"
#include "gossip/internal/records.h"
#include "gossip/topology.h"

namespace weft::gossip {

namespace {

// Changes of a record that are remembered, besides half as many as it has connections.
constexpr std::size_t kHistoryMin = 32;

// One pass over both, which are in the order of their peers; `check` follows.
std::vector<ConnectionRecord> changed(const std::vector<ConnectionRecord>& stored,
                                      const std::vector<ConnectionChange>& changes,
                                      std::uint64_t& check) {
  std::vector<ConnectionRecord> out;
  out.reserve(stored.size() + changes.size());
  auto old = stored.begin();
  for (const auto& change : changes) {
    while (old != stored.end() && old->peer < change.connection.peer)
      out.push_back(*old++);
    if (old != stored.end() && old->peer == change.connection.peer) check -= fingerprint(*old++);
    if (change.gone) continue;
    check += fingerprint(change.connection);
    out.push_back(change.connection);
  }
  out.insert(out.end(), old, stored.end());
  return out;
}

}  // namespace

std::uint64_t fingerprint(const ConnectionRecord& connection) {
  std::uint64_t flags = (connection.outbound ? 1U : 0U) | (connection.established ? 2U : 0U);
  auto state = mix(connection.peer.value() << 2 | flags);
  if (auto at = connection.remote_address.endpoint()) {
    return mix(state ^ (std::uint64_t{at->ip.value} << 16 | at->port));
  }
  // No endpoint has a bit as high as these.
  for (char c : connection.remote_address.text())
    state = mix(state ^ (std::uint64_t{1} << 63 | static_cast<unsigned char>(c)));
  return mix(state + 1);
}

void Topology::History::trim(std::size_t connections) {
  // Beyond about this many changes the whole record is hardly longer.
  std::size_t max = kHistoryMin + connections / 2;
  if (changes.size() <= max) return;
  auto last = changes.end() - static_cast<std::ptrdiff_t>(max);
  floor = std::prev(last)->version;
  // All of one version go together.
  while (last != changes.end() && last->version == floor)
    ++last;
  changes.erase(changes.begin(), last);
}

void Topology::record_changes(const PeerRecord& stored, const PeerRecord& update) {
  auto& history = histories_.at(update.name);
  if (stored.uid != update.uid || update.version <= stored.version) {
    history = History{.floor = update.version};
    for (const auto& connection : update.connections)
      history.check += fingerprint(connection);
    return;
  }
  auto old = stored.connections.begin();
  auto end = stored.connections.end();
  auto gone = [&] {
    history.check -= fingerprint(*old);
    history.note(update.version, (old++)->peer);
  };
  for (const auto& connection : update.connections) {
    while (old != end && old->peer < connection.peer)
      gone();
    bool same_peer = old != end && old->peer == connection.peer;
    if (same_peer && *old == connection) {
      ++old;
      continue;
    }
    if (same_peer) history.check -= fingerprint(*old++);
    history.check += fingerprint(connection);
    history.note(update.version, connection.peer);
  }
  while (old != end)
    gone();
  history.trim(update.connections.size());
}

void Topology::note_own(PeerName peer) {
  auto& self = peers_.at(self_);
  auto& history = histories_.at(self_);
  history.note(self.version, peer);
  history.trim(self.connections.size());
}

std::optional<RecordDelta> Topology::delta(PeerName peer, std::uint64_t since) const {
  auto found = peers_.find(peer);
  if (found == peers_.end()) return std::nullopt;
  const auto& record = found->second;
  const auto& history = histories_.at(peer);
  RecordDelta delta{.name = peer,
                    .uid = record.uid,
                    .version = record.version,
                    .short_id = record.short_id,
                    .check = history.check};
  if (since == 0 || since < history.floor || since > record.version) {
    delta.nickname = record.nickname;
    delta.check = 0;
    for (const auto& connection : record.connections)
      delta.changes.push_back({.connection = connection});
    return delta;
  }
  delta.since = since;
  std::set<PeerName> changed;
  for (auto change = history.changes.rbegin();
       change != history.changes.rend() && change->version > since; ++change)
    changed.insert(change->peer);
  for (auto other : changed) {
    auto at = find_connection(record.connections, other);
    bool gone = at == record.connections.end() || at->peer != other;
    delta.changes.push_back(
        {.connection = gone ? ConnectionRecord{.peer = other} : *at, .gone = gone});
  }
  return delta;
}

std::optional<PeerRecord> Topology::rebuild(const RecordDelta& delta) const {
  PeerRecord record{.name = delta.name,
                    .nickname = delta.nickname,
                    .uid = delta.uid,
                    .version = delta.version,
                    .short_id = delta.short_id};
  if (!delta.since) {
    for (const auto& change : delta.changes) {
      if (!change.gone) record.connections.push_back(change.connection);
    }
    return record;
  }
  auto found = peers_.find(delta.name);
  if (found == peers_.end()) return std::nullopt;
  const auto& stored = found->second;
  record.nickname = stored.nickname;
  // Of ourselves, and of what is not news, the head says all that matters.
  if (delta.name == self_ || !supersedes(record, stored)) return record;
  if (stored.uid != delta.uid || stored.version < *delta.since) return std::nullopt;
  auto check = histories_.at(delta.name).check;
  record.connections = changed(stored.connections, delta.changes, check);
  if (check != delta.check) return std::nullopt;
  return record;
}

std::uint64_t Topology::fitting(const RecordDelta& delta) const {
  const auto* stored = find(delta.name);
  bool behind = stored != nullptr && stored->uid == delta.uid && delta.since &&
                stored->version < *delta.since;
  return behind ? stored->version : 0;
}

const ConnectionRecord* Topology::connection(PeerName peer, PeerName other) const {
  const auto* record = find(peer);
  if (record == nullptr) return nullptr;
  auto at = find_connection(record->connections, other);
  return at != record->connections.end() && at->peer == other ? &*at : nullptr;
}

}  // namespace weft::gossip
