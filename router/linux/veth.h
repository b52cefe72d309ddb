// SPDX-License-Identifier: Apache-2.0
// Pairs of virtual Ethernet interfaces.
#pragma once

#include <optional>
#include <string>

#include "router/linux/link.h"

namespace weft::linux_net {

struct VethSpec {
  std::string name;
  std::string peer_name;
  int mtu = 0;  // 0: the kernel's default
  std::optional<MacAddr> mac;
  std::optional<MacAddr> peer_mac;
  // Where the peer is born. None: in the same namespace.
  const NetNs* peer_ns = nullptr;
};

// Both ends are down. conflict (EEXIST) if either name is taken; then nothing was made.
Result<> create_veth(Netlink& nl, const VethSpec& spec);

}  // namespace weft::linux_net
