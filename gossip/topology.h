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

#include "gossip/delta_wire.h"
#include "gossip/short_ids.h"
#include "gossip/topology_wire.h"

namespace weft::gossip {

// Another host bumps our record over and over: this many foreign versions in a row, each above
// what we answered, are not our own earlier run.
inline constexpr unsigned kForeignBumpsMax = 3;

// A hash of one connection; the sum over a record's connections is the record's `check`.
std::uint64_t fingerprint(const ConnectionRecord& connection);

class Topology {
 public:
  // `self`: our record at version 0, without connections.
  explicit Topology(PeerRecord self);

  struct Applied {
    std::set<PeerName> all;  // every peer in the update
    // Whose record is different now, and which version it had before (0: none).
    std::map<PeerName, std::uint64_t> changed;
    std::set<PeerName> outdated;     // of whom the sender holds another run, which ours outbids
    bool own_outdated = false;       // our version was lifted: tell the others
    bool own_short_id_lost = false;  // somebody with a lower name has it: pick another
    std::size_t ignored = 0;         // records and connections beyond our bounds
    // Another host's nickname, if its records show that it uses our name at the same time.
    std::optional<std::string> double_seen;
  };
  Applied apply(std::vector<PeerRecord> update);
  // Adds the record of a neighbour that introduced itself, if it is new.
  void introduce(PeerRecord neighbour);
  // Removes whom we cannot reach by following connections. Returns them. Who can be reached is the
  // key of `reached`, or found out here.
  std::vector<PeerName> collect();
  std::vector<PeerName> collect(const std::map<PeerName, PeerName>& reached);

  // How a record differs from an older version of it: whole, if `since` is 0 or so long ago that
  // the changes are not known any more. Nothing if there is no such record.
  std::optional<RecordDelta> delta(PeerName peer, std::uint64_t since) const;
  // The record that a difference leads to. Nothing if it does not fit to what we have of the peer:
  // then the version returned by `fitting` is the one to ask from.
  std::optional<PeerRecord> rebuild(const RecordDelta& delta) const;
  std::uint64_t fitting(const RecordDelta& delta) const;
  // What `peer` reports of its connection to `other`; null if it has none.
  const ConnectionRecord* connection(PeerName peer, PeerName other) const;

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
  bool make(PeerRecord record, Applied& applied);
  void insert(PeerRecord record);
  void apply_own(const PeerRecord& update, Applied& applied);
  void replace(PeerRecord& stored, PeerRecord update, Applied& applied);
  // Calls `what` with the connections of `update`, which are ordered, that `stored` lacks.
  template <class What>
  static void for_added(const PeerRecord& stored, const PeerRecord& update, What what);
  // Drops connections to peers that have no record.
  void resolve(const PeerRecord& stored, PeerRecord& update, Applied& applied) const;
  void set_short_id(PeerRecord& stored, std::optional<ShortId> id);

  // What became of a record lately, for telling differences.
  struct History {
    struct Change {
      std::uint64_t version = 0;  // as of which it differs
      PeerName peer;              // the connection that was added, changed or removed
    };
    std::vector<Change> changes;  // oldest first
    std::uint64_t floor = 0;      // changes up to this version are not known
    std::uint64_t check = 0;      // sum of the connections' fingerprints

    void note(std::uint64_t version, PeerName peer) { changes.push_back({version, peer}); }
    void trim(std::size_t connections);
  };
  // Brings the history of `stored` to what `update` is about to make of it.
  void record_changes(const PeerRecord& stored, const PeerRecord& update);
  void note_own(PeerName peer);

  PeerName self_;
  std::map<PeerName, PeerRecord> peers_;
  std::map<PeerName, History> histories_;  // of the same peers
  ShortIds short_ids_;
  std::size_t connections_ = 0;  // over all records
  std::uint64_t revision_ = 1;
  PeerUid foreign_uid_;  // the last foreign claimant of our name
  unsigned foreign_bumps_ = 0;
};

}  // namespace weft::gossip
