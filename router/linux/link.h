// SPDX-License-Identifier: Apache-2.0
// Network interfaces of one namespace: find, list and change.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac.h"
#include "router/linux/netlink.h"

namespace weft::linux_net {

struct Link {
  IfIndex index;
  std::string name;
  std::string kind;  // "bridge", "veth", "dummy", …; empty for hardware and loopback
  MacAddr mac;
  int mtu = 0;
  bool up = false;
  bool running = false;  // up and with a carrier
  bool loopback = false;
  IfIndex master;                  // the bridge it is a port of
  IfIndex peer;                    // of a veth; a number in the peer's namespace
  bool peer_is_elsewhere = false;  // the peer is in another namespace
  std::optional<int> peer_ns;      // that namespace's number here, see namespace_number()
  std::string alias;
};

// not_found if there is none of that name.
Result<Link> find_link(Netlink& nl, std::string_view name);
Result<Link> find_link(Netlink& nl, IfIndex index);
Result<std::vector<Link>> list_links(Netlink& nl);

Result<> set_link_up(Netlink& nl, IfIndex link);
Result<> set_link_down(Netlink& nl, IfIndex link);
Result<> set_link_mtu(Netlink& nl, IfIndex link, int mtu);
Result<> set_link_mac(Netlink& nl, IfIndex link, MacAddr mac);
// The link must be down, unless the kernel is 6.x.
Result<> rename_link(Netlink& nl, IfIndex link, std::string_view name);
// No master: takes it out of its bridge.
Result<> set_link_master(Netlink& nl, IfIndex link, IfIndex master);
Result<> set_link_alias(Netlink& nl, IfIndex link, std::string_view alias);
// The number by which the socket's namespace knows another; nullopt: none yet, so no link leads
// there.
Result<std::optional<int>> namespace_number(Netlink& nl, const NetNs& other);
Result<> move_link(Netlink& nl, IfIndex link, const NetNs& to);
Result<> delete_link(Netlink& nl, IfIndex link);
// Absent is a success.
Result<> delete_link_if_present(Netlink& nl, std::string_view name);

// 1 to 15 characters, none of them '/', ':', blank or control, and not "." or "..".
bool valid_link_name(std::string_view name);

}  // namespace weft::linux_net
