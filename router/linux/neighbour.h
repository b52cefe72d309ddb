// SPDX-License-Identifier: Apache-2.0
// Telling neighbours who has an address now.
#pragma once

#include <string_view>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"
#include "router/linux/netlink.h"

namespace weft::linux_net {

// Broadcasts an ARP request for `address` from `address` (gratuitous ARP) on an interface, which
// must be up, of the calling thread's namespace.
Result<> announce_address(IfIndex link, MacAddr mac, Ipv4Addr address);

}  // namespace weft::linux_net
