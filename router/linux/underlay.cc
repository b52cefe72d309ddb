// SPDX-License-Identifier: Apache-2.0
#include "router/linux/underlay.h"

#include <algorithm>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "router/linux/addr.h"
#include "router/linux/internal/request.h"
#include "router/linux/internal/sys_error.h"
#include "router/linux/link.h"
#include "router/linux/route.h"

namespace weft::linux_net {
namespace {

constexpr int kEthernetMtu = 1500;

UnderlayPath parse_path(nlmsghdr* answer) {
  const Attributes<RTA_MAX> attributes(answer, sizeof(rtmsg));
  const Attributes<RTAX_MAX> metrics(attributes.find(RTA_METRICS));
  return {.link = {attributes.i32(RTA_OIF)},
          .source = attributes.ip(RTA_PREFSRC).value_or(Ipv4Addr{}),
          .gateway = attributes.ip(RTA_GATEWAY),
          .mtu = metrics.i32(RTAX_MTU)};
}

}  // namespace

Result<UnderlayPath> underlay_path(Netlink& nl, Ipv4Addr to) {
  constexpr std::string_view kWhat = "no route to the address";
  Request request(RTM_GETROUTE, NLM_F_REQUEST);
  request.fixed(rtmsg{.rtm_family = AF_INET, .rtm_dst_len = 32}).ip(RTA_DST, to);
  std::optional<UnderlayPath> path;
  const auto done = nl.query(request, kWhat, [&](nlmsghdr* answer) {
    if (answer->nlmsg_type == RTM_NEWROUTE) path = parse_path(answer);
  });
  if (!done) return done.error();
  if (!path) return sys_error(ENETUNREACH, kWhat);
  if (path->mtu == 0) {
    const auto link = find_link(nl, path->link);
    if (!link) return link.error();
    path->mtu = link->mtu;
  }
  return *path;
}

Result<int> underlay_mtu(Netlink& nl, IfIndex except) {
  const auto links = list_links(nl);
  if (!links) return links.error();
  const auto routes = list_routes(nl);
  if (!routes) return routes.error();
  const auto addrs = list_addrs(nl);
  if (!addrs) return addrs.error();
  std::optional<int> of_default;
  std::optional<int> of_any;
  const auto lower = [](std::optional<int>& least, int mtu) {
    least = std::min(least.value_or(mtu), mtu);
  };
  for (const Link& link : *links) {
    if (!link.up || link.loopback || link.index == except) continue;
    const auto on_link = [&](const auto& item) {
      return item.link == link.index;
    };
    if (std::none_of(addrs->begin(), addrs->end(), on_link)) continue;
    if (std::any_of(routes->begin(), routes->end(),
                    [&](const Route& r) { return r.is_default() && on_link(r); }))
      lower(of_default, link.mtu);
    lower(of_any, link.mtu);
  }
  return of_default.value_or(of_any.value_or(kEthernetMtu));
}

Result<std::vector<Ipv4Addr>> local_addresses(Netlink& nl) {
  const auto all = list_addrs(nl);
  if (!all) return all.error();
  std::vector<Ipv4Addr> mine;
  for (const IfAddr& a : *all) {
    if (a.address.addr().value >> 24 != 127) mine.push_back(a.address.addr());
  }
  return mine;
}

}  // namespace weft::linux_net
