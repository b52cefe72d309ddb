// SPDX-License-Identifier: Apache-2.0
// What we know of every peer: its record and the connections it reports. Applies updates by
// version, keeps placeholders for peers that are only heard of, and collects who has become
// unreachable. Our own record lives here too. docs/wire/gossip.md.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gossip/short_ids.h"
#include "gossip/topology_wire.h"

namespace weft::gossip {

// Another host bumps our record over and over: this many foreign versions in a row, each above
// what we answered, are not our own earlier run.
inline constexpr unsigned kForeignBumpsMax = 3;

class Topology {
 public:
  // `self`: our record at version 0, without connections.
  explicit Topology(PeerRecord self);

  struct Applied {
    std::set<PeerName> all;          // every peer in the update
    std::set<PeerName> changed;      // whose record is different now
    std::set<PeerName> outdated;     // of whom the sender holds another run, which ours outbids
    bool own_outdated = false;       // our version was lifted: tell the others
    bool own_short_id_lost = false;  // somebody with a lower name has it: pick another
    std::size_t ignored = 0;         // records and connections beyond our bounds
    // Another host's nickname, if its records show that it uses our name at the same time.
    std::optional<std::string> double_seen;
  };
  Applied apply(const std::vector<PeerRecord>& update);
  // Adds the record of a neighbour that introduced itself, if it is new.
  void introduce(PeerRecord neighbour);
  // Removes whom we cannot reach by following connections. Returns them.
  std::vector<PeerName> collect();

  // Our own record; each change raises its version.
  void add_connection(ConnectionRecord connection);
  void establish_connection(PeerName peer);
  void remove_connection(PeerName peer);
  // True if our short ID had to change, and could.
  bool reassign_short_id(Rng& rng);
  bool owns_short_id() const;

  const PeerRecord& self() const;
  const PeerRecord* find(PeerName peer) const;
  // All records, ordered by name.
  const std::map<PeerName, PeerRecord>& peers() const { return peers_; }
  const ShortIds& short_ids() const { return short_ids_; }
  // Grows with every change: what was computed at one revision holds until the next.
  std::uint64_t revision() const { return revision_; }

 private:
  PeerRecord& mutable_self();
  // Makes records for the peers that are new; returns their names.
  std::set<PeerName> add_new(const std::vector<PeerRecord>& update, Applied& applied);
  void insert(PeerRecord record);
  void apply_own(const PeerRecord& update, Applied& applied);
  void replace(PeerRecord& stored, const PeerRecord& update, Applied& applied);
  // The connections to peers that have a record, one for each peer, ordered by name.
  std::vector<ConnectionRecord> resolve(const PeerRecord& update, Applied& applied) const;
  void set_short_id(PeerRecord& stored, std::optional<ShortId> id);

  PeerName self_;
  std::map<PeerName, PeerRecord> peers_;
  ShortIds short_ids_;
  std::size_t connections_ = 0;  // over all records
  std::uint64_t revision_ = 1;
  PeerUid foreign_uid_;  // the last foreign claimant of our name
  unsigned foreign_bumps_ = 0;
};

}  // namespace weft::gossip
