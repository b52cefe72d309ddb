// SPDX-License-Identifier: Apache-2.0
// What the host knows about the network below the overlay.
#pragma once

#include <optional>
#include <vector>

#include "base/ip.h"
#include "router/linux/netlink.h"

namespace weft::linux_net {

struct UnderlayPath {
  IfIndex link;
  Ipv4Addr source;                  // the address we would send from
  std::optional<Ipv4Addr> gateway;  // none: on the link
  int mtu = 0;                      // of the route if it has one, else of the link
};

// The way to `to`; system with ENETUNREACH if there is none.
Result<UnderlayPath> underlay_path(Netlink& nl, Ipv4Addr to);
// The smallest MTU among interfaces that carry a default route, else among all that are up, have
// an IPv4 address and are neither loopback nor `except`; 1500 if there are none.
Result<int> underlay_mtu(Netlink& nl, IfIndex except);
// Every IPv4 address of this host but 127.0.0.0/8.
Result<std::vector<Ipv4Addr>> local_addresses(Netlink& nl);

}  // namespace weft::linux_net
