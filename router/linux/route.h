// SPDX-License-Identifier: Apache-2.0
// IPv4 routes of the main table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "router/linux/netlink.h"

namespace weft::linux_net {

struct Route {
  Cidr to;                          // a subnet; 0.0.0.0/0 is the default route
  std::optional<Ipv4Addr> gateway;  // none: on the link itself
  IfIndex link;
  bool is_default() const { return to.prefix_len() == 0; }
  friend bool operator==(const Route&, const Route&) = default;
};

Result<std::vector<Route>> list_routes(Netlink& nl);
// False: the same destination was there already (with whatever gateway).
Result<bool> add_route(Netlink& nl, const Route& route);
// False: it was not there.
Result<bool> delete_route(Netlink& nl, const Route& route);

// Routes that share addresses with `range`, the default route and those of `except` left out.
Result<std::vector<Route>> overlapping_routes(Netlink& nl, Cidr range, IfIndex except);

}  // namespace weft::linux_net
