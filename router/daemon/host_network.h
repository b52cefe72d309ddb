// SPDX-License-Identifier: Apache-2.0
// The host's side of the overlay: the bridge, its addresses and our nftables table. What an earlier
// run left is adopted; what somebody else flushed is put back.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "router/daemon/options.h"
#include "router/daemon/store.h"
#include "router/linux/bridge_plumbing.h"
#include "router/linux/masquerade.h"
#include "router/netfilter/host_firewall.h"
#include "router/swift/core/wire.h"

namespace weft::daemon {

// The most that an overlay adds to a frame's payload on its way over IPv4: swift, relayed. Sleeve,
// encrypted, adds 86. One MTU fits all, so that a pod's does not depend on who its peers are.
inline constexpr int kOverlayOverheadMax = swift::kOverheadMax;

class HostNetwork {
 public:
  HostNetwork(const Options& options, Store& store) : options_(options), store_(store) {}

  // The bridge that is there before we start. Its MAC is the name of the peer that made it.
  static std::optional<linux_net::FoundBridge> existing_bridge(const std::string& bridge);

  // Makes or adopts bridge and capture port, exposes again what was exposed. A TAP device must be
  // open.
  std::optional<Failure> prepare(PeerName name, const std::vector<Exposed>& stored,
                                 linux_net::CapturePort capture);
  // A reason not to start: the range covers an address of this host.
  std::optional<Failure> check_range(Cidr range) const;
  // Routes of the host's that lead elsewhere with a part of the range, a sentence each.
  std::vector<std::string> range_overlaps(Cidr range) const;

  std::optional<std::string> expose(Cidr address, bool skip_nat);
  std::optional<std::string> hide(Cidr address);
  // Ranges this host owns, for --no-masq-local.
  void set_local_ranges(std::vector<IpRange> ranges);
  // Puts our rules back if somebody flushed them. True if that was needed.
  bool restore_rules();
  // Sees to it that other owners' filters let through what our pods send and get; says in the log
  // what it changed.
  void keep_forwarding();

  int mtu() const { return mtu_; }
  // The largest IP packet that the underlay carries on its first hop, in bytes.
  int underlay_mtu() const;
  const std::vector<Exposed>& exposed() const { return exposed_; }
  // What pods send to the bridge's address goes no further: the host is no router.
  bool forwarding_off() const;
  // Of the last keep_forwarding().
  const netfilter::Forwarding& forwarding() const { return forwarding_; }

 private:
  std::optional<std::string> apply_rules();
  std::optional<std::string> remember();

  const Options& options_;
  Store& store_;
  std::vector<Exposed> exposed_;
  std::vector<IpRange> local_ranges_;
  netfilter::Forwarding forwarding_;
  int mtu_ = 0;
};

}  // namespace weft::daemon
