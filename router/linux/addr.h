// SPDX-License-Identifier: Apache-2.0
// IPv4 addresses of interfaces.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "router/linux/netlink.h"

namespace weft::linux_net {

struct IfAddr {
  IfIndex link;
  Cidr address;
  bool secondary = false;
};

Result<std::vector<IfAddr>> list_addrs(Netlink& nl);
Result<std::vector<Cidr>> link_addrs(Netlink& nl, IfIndex link);
// With the subnet's broadcast address. False: it was there already.
Result<bool> add_addr(Netlink& nl, IfIndex link, Cidr address);
// False: it was not there.
Result<bool> delete_addr(Netlink& nl, IfIndex link, Cidr address);

}  // namespace weft::linux_net
