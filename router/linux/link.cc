// SPDX-License-Identifier: Apache-2.0
#include "router/linux/link.h"

#include <algorithm>

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

#include "router/linux/internal/link_request.h"
#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {
namespace {

constexpr std::string_view kNoSuchLink = "no such network interface";

std::optional<Link> parse_link(nlmsghdr* answer) {
  if (answer->nlmsg_type != RTM_NEWLINK) return std::nullopt;
  const auto* fixed = static_cast<const ifinfomsg*>(nlmsg_data(answer));
  const Attributes<IFLA_MAX> attributes(answer, sizeof(ifinfomsg));
  const Attributes<IFLA_INFO_MAX> info(attributes.find(IFLA_LINKINFO));
  Link link{.index = {fixed->ifi_index},
            .name = attributes.text(IFLA_IFNAME),
            .kind = info.text(IFLA_INFO_KIND),
            .mac = attributes.mac(IFLA_ADDRESS),
            .mtu = attributes.i32(IFLA_MTU),
            .up = (fixed->ifi_flags & IFF_UP) != 0,
            .running = (fixed->ifi_flags & IFF_UP) != 0 && (fixed->ifi_flags & IFF_RUNNING) != 0,
            .loopback = (fixed->ifi_flags & IFF_LOOPBACK) != 0,
            .master = {attributes.i32(IFLA_MASTER)},
            .alias = attributes.text(IFLA_IFALIAS)};
  if (link.kind == "veth") {
    link.peer = {attributes.i32(IFLA_LINK)};
    link.peer_is_elsewhere = attributes.has(IFLA_LINK_NETNSID);
    if (link.peer_is_elsewhere) link.peer_ns = attributes.i32(IFLA_LINK_NETNSID);
  }
  return link;
}

Result<Link> find(Netlink& nl, Request& request) {
  std::optional<Link> found;
  const auto done = nl.query(request, kNoSuchLink, [&](nlmsghdr* answer) {
    if (!found) found = parse_link(answer);
  });
  if (!done) return done.error();
  if (!found) return sys_error(ENODEV, kNoSuchLink);
  return *found;
}

Result<> set_flag(Netlink& nl, IfIndex link, unsigned flag, bool on) {
  Request request(RTM_NEWLINK, NLM_F_REQUEST);
  request.fixed(ifinfomsg{.ifi_index = link.value, .ifi_flags = on ? flag : 0, .ifi_change = flag});
  return nl.call(request, "cannot set the interface up or down");
}

}  // namespace

Result<Link> find_link(Netlink& nl, std::string_view name) {
  if (!valid_link_name(name)) return sys_error(ENODEV, kNoSuchLink);
  Request request(RTM_GETLINK, NLM_F_REQUEST);
  request.fixed(ifinfomsg{}).text(IFLA_IFNAME, name);
  return find(nl, request);
}

Result<Link> find_link(Netlink& nl, IfIndex index) {
  if (!index) return sys_error(ENODEV, kNoSuchLink);
  Request request(RTM_GETLINK, NLM_F_REQUEST);
  request.fixed(ifinfomsg{.ifi_index = index.value});
  return find(nl, request);
}

Result<std::vector<Link>> list_links(Netlink& nl) {
  Request request(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP);
  request.fixed(ifinfomsg{});
  return collect<Link>(nl, request, "cannot list network interfaces", &parse_link);
}

Result<> set_link_up(Netlink& nl, IfIndex link) {
  return set_flag(nl, link, IFF_UP, true);
}

Result<> set_link_down(Netlink& nl, IfIndex link) {
  return set_flag(nl, link, IFF_UP, false);
}

Result<> set_link_mtu(Netlink& nl, IfIndex link, int mtu) {
  LinkChange change(link);
  change.request().i32(IFLA_MTU, mtu);
  return nl.call(change.request(), "cannot set the interface's MTU");
}

Result<> set_link_mac(Netlink& nl, IfIndex link, MacAddr mac) {
  LinkChange change(link);
  change.request().mac(IFLA_ADDRESS, mac);
  return nl.call(change.request(), "cannot set the interface's MAC address");
}

Result<> rename_link(Netlink& nl, IfIndex link, std::string_view name) {
  if (!valid_link_name(name)) return sys_error(EINVAL, "not a name for an interface");
  LinkChange change(link);
  change.request().text(IFLA_IFNAME, name);
  return nl.call(change.request(), "cannot rename the interface");
}

Result<> set_link_master(Netlink& nl, IfIndex link, IfIndex master) {
  LinkChange change(link);
  change.request().i32(IFLA_MASTER, master.value);
  return nl.call(change.request(), "cannot plug the interface into the bridge");
}

Result<> set_link_alias(Netlink& nl, IfIndex link, std::string_view alias) {
  LinkChange change(link);
  change.request().text(IFLA_IFALIAS, alias);
  return nl.call(change.request(), "cannot set the interface's alias");
}

Result<std::optional<int>> namespace_number(Netlink& nl, const NetNs& other) {
  Request request(RTM_GETNSID, 0);
  request.fixed(rtgenmsg{.rtgen_family = AF_UNSPEC}).i32(NETNSA_FD, other.fd());
  std::optional<int> number;
  auto done = nl.query(request, "cannot ask for the number of a namespace", [&](nlmsghdr* answer) {
    const Attributes<NETNSA_MAX> attributes(answer, sizeof(rtgenmsg));
    const int given = attributes.i32(NETNSA_NSID, NETNSA_NSID_NOT_ASSIGNED);
    if (given >= 0) number = given;
  });
  if (!done) return done.error();
  return number;
}

Result<> move_link(Netlink& nl, IfIndex link, const NetNs& to) {
  LinkChange change(link);
  change.request().i32(IFLA_NET_NS_FD, to.fd());
  return nl.call(change.request(), "cannot move the interface to another namespace");
}

Result<> delete_link(Netlink& nl, IfIndex link) {
  // Index 0 and no name would be a wildcard to some kernels.
  if (!link) return sys_error(ENODEV, kNoSuchLink);
  Request request(RTM_DELLINK, NLM_F_REQUEST);
  request.fixed(ifinfomsg{.ifi_index = link.value});
  return nl.call(request, "cannot delete the interface");
}

Result<> delete_link_if_present(Netlink& nl, std::string_view name) {
  const auto link = find_link(nl, name);
  Result<> done;
  if (link) {
    done = delete_link(nl, link->index);
  } else {
    done = link.error();
  }
  if (!done && done.error().code == Errc::not_found) return {};
  return done;
}

bool valid_link_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == '/' || c == ':' || static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
         });
}

}  // namespace weft::linux_net
