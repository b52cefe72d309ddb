// SPDX-License-Identifier: Apache-2.0
#include "gossip/topology.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/ensure.h"

namespace weft::gossip {

namespace {

// No run of a peer gets anywhere near; beyond it there is no room left to outbid anybody.
constexpr std::uint64_t kVersionMax =
    std::numeric_limits<std::uint64_t>::max() - (std::uint64_t{1} << 32);

bool by_name(const ConnectionRecord& a, const ConnectionRecord& b) {
  return a.peer < b.peer;
}

auto find_connection(std::vector<ConnectionRecord>& connections, PeerName peer) {
  return std::lower_bound(
      connections.begin(), connections.end(), peer,
      [](const ConnectionRecord& connection, PeerName name) { return connection.peer < name; });
}

// Whether `update` says something newer than what is stored.
bool supersedes(const PeerRecord& update, const PeerRecord& stored) {
  if (update.version != stored.version) return update.version > stored.version;
  if (update.uid != stored.uid) return update.uid > stored.uid;
  return update.short_id.has_value() && !stored.short_id.has_value();
}

}  // namespace

Topology::Topology(PeerRecord self) : self_(self.name) {
  insert(std::move(self));
}

Topology::Applied Topology::apply(const std::vector<PeerRecord>& update) {
  Applied applied;
  auto added = add_new(update, applied);
  for (const auto& record : update) {
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
      replace(stored->second, record, applied);
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
  std::set<PeerName> reached{self_};
  std::vector<PeerName> open{self_};
  while (!open.empty()) {
    const auto& record = peers_.at(open.back());
    open.pop_back();
    for (const auto& connection : record.connections) {
      if (peers_.count(connection.peer) == 0) continue;
      if (reached.insert(connection.peer).second) open.push_back(connection.peer);
    }
  }
  std::vector<PeerName> gone;
  for (auto it = peers_.begin(); it != peers_.end();) {
    if (reached.count(it->first) != 0) {
      ++it;
      continue;
    }
    gone.push_back(it->first);
    connections_ -= it->second.connections.size();
    set_short_id(it->second, std::nullopt);
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
  self.connections.insert(at, std::move(connection));
  ++connections_;
}

void Topology::establish_connection(PeerName peer) {
  auto& self = mutable_self();
  auto at = find_connection(self.connections, peer);
  ensure(at != self.connections.end() && at->peer == peer, "a connection of ours");
  at->established = true;
}

void Topology::remove_connection(PeerName peer) {
  auto& self = mutable_self();
  auto at = find_connection(self.connections, peer);
  ensure(at != self.connections.end() && at->peer == peer, "a connection of ours");
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

std::set<PeerName> Topology::add_new(const std::vector<PeerRecord>& update, Applied& applied) {
  std::set<PeerName> added;
  auto make = [&](PeerRecord record) {
    if (!record.name.known() || peers_.count(record.name) != 0) return false;
    if (peers_.size() >= kPeersMax) {
      ++applied.ignored;
      return false;
    }
    insert(std::move(record));
    return true;
  };
  for (const auto& record : update) {
    PeerRecord bare{.name = record.name,
                    .nickname = record.nickname,
                    .uid = record.uid,
                    .version = record.version,
                    .short_id = record.short_id};
    if (make(std::move(bare))) added.insert(record.name);
  }
  for (const auto& record : update) {
    // What an outdated record connects to is of no interest; most records of a quiet mesh are.
    auto stored = peers_.find(record.name);
    if (stored == peers_.end() || record.name == self_) continue;
    if (added.count(record.name) == 0 && !supersedes(record, stored->second)) continue;
    for (const auto& connection : record.connections)
      make(PeerRecord{.name = connection.peer});
  }
  return added;
}

void Topology::insert(PeerRecord record) {
  if (record.short_id) short_ids_.add(*record.short_id, record.name);
  connections_ += record.connections.size();
  auto name = record.name;
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

void Topology::replace(PeerRecord& stored, const PeerRecord& update, Applied& applied) {
  auto connections = resolve(update, applied);
  std::size_t others = connections_ - stored.connections.size();
  if (others + connections.size() > kConnectionsMax) {
    ++applied.ignored;
    return;
  }
  connections_ = others + connections.size();
  stored.connections = std::move(connections);
  stored.version = update.version;
  stored.uid = update.uid;
  stored.nickname = update.nickname;
  set_short_id(stored, update.short_id);
  ++revision_;
  applied.changed.insert(update.name);
}

std::vector<ConnectionRecord> Topology::resolve(const PeerRecord& update, Applied& applied) const {
  std::vector<ConnectionRecord> connections;
  connections.reserve(update.connections.size());
  for (const auto& connection : update.connections) {
    if (peers_.count(connection.peer) != 0) {
      connections.push_back(connection);
    } else {
      ++applied.ignored;
    }
  }
  if (!std::is_sorted(connections.begin(), connections.end(), by_name)) {
    std::stable_sort(connections.begin(), connections.end(), by_name);
  }
  // Of several for one peer the last counts.
  auto last = std::unique(connections.rbegin(), connections.rend(),
                          [](const auto& a, const auto& b) { return a.peer == b.peer; });
  connections.erase(connections.begin(), last.base());
  return connections;
}

void Topology::set_short_id(PeerRecord& stored, std::optional<ShortId> id) {
  if (stored.short_id == id) return;
  if (stored.short_id) short_ids_.remove(*stored.short_id, stored.name);
  stored.short_id = id;
  if (id) short_ids_.add(*id, stored.name);
}

}  // namespace weft::gossip
