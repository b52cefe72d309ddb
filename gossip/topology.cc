// SPDX-License-Identifier: Apache-2.0
#include "gossip/topology.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/ensure.h"
#include "gossip/internal/records.h"

namespace weft::gossip {

namespace {

// No run of a peer gets anywhere near; beyond it there is no room left to outbid anybody.
constexpr std::uint64_t kVersionMax =
    std::numeric_limits<std::uint64_t>::max() - (std::uint64_t{1} << 32);

// One connection for each peer, ordered by name; of several the last counts.
void put_in_order(std::vector<ConnectionRecord>& connections) {
  if (!std::is_sorted(connections.begin(), connections.end(), by_name)) {
    std::stable_sort(connections.begin(), connections.end(), by_name);
  }
  auto last = std::unique(connections.rbegin(), connections.rend(),
                          [](const auto& a, const auto& b) { return a.peer == b.peer; });
  connections.erase(connections.begin(), last.base());
}

}  // namespace

Topology::Topology(PeerRecord self) : self_(self.name) {
  insert(std::move(self));
}

Topology::Applied Topology::apply(std::vector<PeerRecord> update) {
  Applied applied;
  for (auto& record : update)
    put_in_order(record.connections);
  auto added = add_new(update, applied);
  for (auto& record : update) {
    if (!record.name.known()) continue;
    applied.all.insert(record.name);
    if (record.name == self_) {
      apply_own(record, applied);
      continue;
    }
    auto stored = peers_.find(record.name);
    if (stored == peers_.end()) continue;  // beyond our bounds
    // A record just made has all but its connections; a second one for it must be newer.
    bool fresh = added.erase(record.name) != 0;
    if (fresh || supersedes(record, stored->second)) {
      replace(stored->second, std::move(record), applied);
      if (fresh) applied.changed[stored->first] = 0;
    } else if (record.uid != stored->second.uid && record.uid.value != 0) {
      applied.outdated.insert(record.name);
    }
  }
  applied.own_short_id_lost = !owns_short_id();
  return applied;
}

void Topology::introduce(PeerRecord neighbour) {
  if (peers_.count(neighbour.name) != 0) return;
  insert(std::move(neighbour));
}

std::vector<PeerName> Topology::collect() {
  std::map<PeerName, PeerName> reached{{self_, {}}};
  std::vector<PeerName> open{self_};
  while (!open.empty()) {
    const auto& record = peers_.at(open.back());
    open.pop_back();
    for (const auto& connection : record.connections) {
      if (peers_.count(connection.peer) == 0) continue;
      if (reached.try_emplace(connection.peer, record.name).second) open.push_back(connection.peer);
    }
  }
  return collect(reached);
}

std::vector<PeerName> Topology::collect(const std::map<PeerName, PeerName>& reached) {
  std::vector<PeerName> gone;
  for (auto it = peers_.begin(); it != peers_.end();) {
    if (reached.count(it->first) != 0) {
      ++it;
      continue;
    }
    gone.push_back(it->first);
    connections_ -= it->second.connections.size();
    set_short_id(it->second, std::nullopt);
    histories_.erase(it->first);
    it = peers_.erase(it);
  }
  if (!gone.empty()) ++revision_;
  return gone;
}

void Topology::add_connection(ConnectionRecord connection) {
  auto& self = mutable_self();
  auto at = find_connection(self.connections, connection.peer);
  ensure(at == self.connections.end() || at->peer != connection.peer,
         "one connection for each neighbour");
  note_own(connection.peer);
  histories_.at(self_).check += fingerprint(connection);
  self.connections.insert(at, std::move(connection));
  ++connections_;
}

void Topology::establish_connection(PeerName peer) {
  auto& self = mutable_self();
  auto at = find_connection(self.connections, peer);
  ensure(at != self.connections.end() && at->peer == peer, "a connection of ours");
  note_own(peer);
  auto& check = histories_.at(self_).check;
  check -= fingerprint(*at);
  at->established = true;
  check += fingerprint(*at);
}

void Topology::remove_connection(PeerName peer) {
  auto& self = mutable_self();
  auto at = find_connection(self.connections, peer);
  ensure(at != self.connections.end() && at->peer == peer, "a connection of ours");
  note_own(peer);
  histories_.at(self_).check -= fingerprint(*at);
  self.connections.erase(at);
  --connections_;
}

bool Topology::reassign_short_id(Rng& rng) {
  if (owns_short_id()) return false;
  auto id = short_ids_.pick_free(rng);
  if (!id) return false;
  set_short_id(mutable_self(), *id);
  return true;
}

bool Topology::owns_short_id() const {
  auto id = self().short_id;
  return id && short_ids_.lookup(*id) == self_;
}

const PeerRecord& Topology::self() const {
  return peers_.at(self_);
}

const PeerRecord* Topology::find(PeerName peer) const {
  auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

PeerRecord& Topology::mutable_self() {
  auto& self = peers_.at(self_);
  ++self.version;
  ++revision_;
  return self;
}

bool Topology::make(PeerRecord record, Applied& applied) {
  if (!record.name.known() || peers_.count(record.name) != 0) return false;
  if (peers_.size() >= kPeersMax) {
    ++applied.ignored;
    return false;
  }
  insert(std::move(record));
  return true;
}

std::set<PeerName> Topology::add_new(const std::vector<PeerRecord>& update, Applied& applied) {
  std::set<PeerName> added;
  for (const auto& record : update) {
    PeerRecord bare{.name = record.name,
                    .nickname = record.nickname,
                    .uid = record.uid,
                    .version = record.version,
                    .short_id = record.short_id};
    if (make(std::move(bare), applied)) added.insert(record.name);
  }
  for (const auto& record : update) {
    // What an outdated record connects to is of no interest; most records of a quiet mesh are.
    auto stored = peers_.find(record.name);
    if (stored == peers_.end() || record.name == self_) continue;
    if (added.count(record.name) == 0 && !supersedes(record, stored->second)) continue;
    for_added(stored->second, record, [&](const ConnectionRecord& connection) {
      make(PeerRecord{.name = connection.peer}, applied);
    });
  }
  return added;
}

// Whom a stored record is connected to is known, so only what comes in addition is looked up.
template <class What>
void Topology::for_added(const PeerRecord& stored, const PeerRecord& update, What what) {
  auto old = stored.connections.begin();
  for (const auto& connection : update.connections) {
    while (old != stored.connections.end() && old->peer < connection.peer)
      ++old;
    if (old == stored.connections.end() || old->peer != connection.peer) what(connection);
  }
}

void Topology::insert(PeerRecord record) {
  if (record.short_id) short_ids_.add(*record.short_id, record.name);
  connections_ += record.connections.size();
  auto name = record.name;
  History history{.floor = record.version};
  for (const auto& connection : record.connections)
    history.check += fingerprint(connection);
  histories_.emplace(name, std::move(history));
  peers_.emplace(name, std::move(record));
  ++revision_;
}

void Topology::apply_own(const PeerRecord& update, Applied& applied) {
  auto& self = peers_.at(self_);
  // Such a record is poison, not ours.
  if (update.version >= kVersionMax) return;
  bool foreign = update.uid != self.uid;
  bool outdated = foreign ? update.version >= self.version : update.version > self.version;
  if (!outdated) return;
  self.version = update.version + 1;
  ++revision_;
  applied.own_outdated = true;
  if (!foreign || update.uid.value == 0) return;
  foreign_bumps_ = update.uid == foreign_uid_ ? foreign_bumps_ + 1 : 1;
  foreign_uid_ = update.uid;
  if (foreign_bumps_ > kForeignBumpsMax) applied.double_seen = update.nickname;
}

void Topology::replace(PeerRecord& stored, PeerRecord update, Applied& applied) {
  resolve(stored, update, applied);
  std::size_t others = connections_ - stored.connections.size();
  if (others + update.connections.size() > kConnectionsMax) {
    ++applied.ignored;
    return;
  }
  applied.changed.try_emplace(update.name, stored.uid == update.uid ? stored.version : 0);
  record_changes(stored, update);
  connections_ = others + update.connections.size();
  stored.connections = std::move(update.connections);
  stored.version = update.version;
  stored.uid = update.uid;
  stored.nickname = std::move(update.nickname);
  set_short_id(stored, update.short_id);
  ++revision_;
}

void Topology::resolve(const PeerRecord& stored, PeerRecord& update, Applied& applied) const {
  std::set<PeerName> unknown;
  for_added(stored, update, [&](const ConnectionRecord& connection) {
    if (peers_.count(connection.peer) == 0) unknown.insert(connection.peer);
  });
  applied.ignored += unknown.size();
  if (unknown.empty()) return;
  std::erase_if(update.connections, [&](const ConnectionRecord& connection) {
    return unknown.count(connection.peer) != 0;
  });
}

void Topology::set_short_id(PeerRecord& stored, std::optional<ShortId> id) {
  if (stored.short_id == id) return;
  if (stored.short_id) short_ids_.remove(*stored.short_id, stored.name);
  stored.short_id = id;
  if (id) short_ids_.add(*id, stored.name);
}

}  // namespace weft::gossip
