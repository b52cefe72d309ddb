// SPDX-License-Identifier: Apache-2.0
// The books of a simulated mesh, kept outside of the peers: every host's copy of the ring as it
// was last stored, and what must hold between all of them at every moment. Dumb on purpose: it
// compares sets of addresses and knows nothing of merging.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipam-crdt/interval_set.h"
#include "ipam-crdt/ring.h"
#include "tests/sim/network.h"

namespace weft::sim {

class Ledger {
 public:
  Ledger(IpRange universe, std::size_t hosts) : universe_(universe), copies_(hosts) {}

  // A name that a host has, or had: space may lie with it.
  void born(PeerName name) { names_.insert(name); }
  // What the host has stored; checked against its last copy and against those of all others.
  void on_ring(HostId host, const ipam::RingData& ring);
  // Its disk is gone, or another, older one.
  void on_disk_lost(HostId host);
  void on_disk_replaced(HostId host, const std::optional<ipam::RingData>& ring);
  // The host's idea of what it owns may be wrong from here on, and not by a fault of the protocol:
  // its disk was old or lost, its name is used twice, or an operator gave its space away.
  void suspect(HostId host) {
    suspects_.insert(host);
    strays_ = true;
  }
  // Whether clients may hold addresses that their host has lost to another.
  bool strays_possible() const { return strays_; }

  // Two hosts own an address, one of them a suspect: until somebody has mended that, no promise
  // is made about who gets which address.
  bool disputed() const { return disputed_; }
  // As if nothing had been wrong: from here on every promise holds again.
  void mended();
  const std::string& breach() const { return breach_; }
  const std::set<PeerName>& names() const { return names_; }

  const std::optional<ipam::RingData>& ring(HostId host) const { return copies_[host].ring; }
  const ipam::IntervalSet& claims(HostId host) const { return copies_[host].claims; }
  IpRange universe() const { return universe_; }

 private:
  struct Copy {
    std::optional<ipam::RingData> ring;
    ipam::IntervalSet claims;
  };

  void fail(const std::string& what) {
    if (breach_.empty()) breach_ = what;
  }
  void check_alone(const ipam::RingData& ring);
  void check_progress(const ipam::RingData& before, const ipam::RingData& after);
  void check_seeds(HostId host);
  void check_claims(HostId host);
  void check_conserved();

  IpRange universe_;
  std::vector<Copy> copies_;
  std::set<PeerName> names_;
  std::set<HostId> suspects_;
  bool wiped_ = false;  // some disk is gone, and with it a vote
  bool disputed_ = false;
  bool strays_ = false;
  std::string breach_;
};

}  // namespace weft::sim
