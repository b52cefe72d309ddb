// SPDX-License-Identifier: Apache-2.0
// Behind which peer a MAC address lives, as learnt from the frames that pass. Entries age; what is
// captured locally never overrides another peer's claim, what an overlay brings does. A sorted
// vector: look-ups are a few steps, only learning and forgetting move memory.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/mac.h"
#include "base/peer_name.h"
#include "base/time_point.h"

namespace weft::overlay {

class MacTable {
 public:
  // How long a MAC may be silent. Weave: macMaxAge (router/mac_cache.go).
  static constexpr std::chrono::minutes kAgeMax{10};
  // An entry is not touched again within this time, and stale ones are looked for this often.
  static constexpr std::chrono::minutes kRefreshInterval{1};
  // 300 hosts with 100 pods each. Frames of a MAC that found no room are flooded, not lost.
  static constexpr std::size_t kMacsMax = 32768;
  // What other peers may fill, so that they cannot keep us from learning our own.
  static constexpr std::size_t kRemoteMacsMax = kMacsMax / 8 * 7;

  struct Entry {
    MacAddr mac;
    PeerName peer;
    TimePoint last_seen;
  };

  enum class Outcome { known, learnt, moved, conflict, full };
  struct Learning {
    Outcome outcome = Outcome::known;
    PeerName previous;       // for moved and conflict: the peer that had it
    bool refreshed = false;  // for known: its age starts anew
  };

  // Local capture: a MAC of another peer is a conflict and stays where it is.
  Learning add(TimePoint now, MacAddr mac, PeerName peer);
  // From an overlay: a MAC of another peer moves.
  Learning add_forced(TimePoint now, MacAddr mac, PeerName peer);

  std::optional<PeerName> find(MacAddr mac) const;
  void remove_peer(PeerName peer);

  // Drops what is too old; due once a minute while there are entries.
  void sweep(TimePoint now);
  std::optional<TimePoint> next_sweep() const;

  const std::vector<Entry>& entries() const { return entries_; }  // by MAC

 private:
  using Position = std::vector<Entry>::iterator;
  Position position(MacAddr mac);
  Learning insert(Position at, Entry entry, std::size_t limit);
  static Learning refresh(TimePoint now, Entry& entry);

  std::vector<Entry> entries_;
  TimePoint next_sweep_;
};

}  // namespace weft::overlay
