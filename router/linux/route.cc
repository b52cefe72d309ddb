// SPDX-License-Identifier: Apache-2.0
#include "router/linux/route.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "router/linux/internal/request.h"
#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {
namespace {

std::optional<Route> parse_route(nlmsghdr* answer) {
  if (answer->nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  const auto* fixed = static_cast<const rtmsg*>(nlmsg_data(answer));
  const Attributes<RTA_MAX> attributes(answer, sizeof(rtmsg));
  const std::uint32_t table = attributes.u32(RTA_TABLE).value_or(fixed->rtm_table);
  if (fixed->rtm_family != AF_INET || table != RT_TABLE_MAIN) return std::nullopt;
  if ((fixed->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  const auto to =
      Cidr::make(attributes.ip(RTA_DST).value_or(Ipv4Addr{}), unsigned{fixed->rtm_dst_len});
  if (!to) return std::nullopt;
  return Route{.to = *to, .gateway = attributes.ip(RTA_GATEWAY), .link = {attributes.i32(RTA_OIF)}};
}

void describe(Request& request, const Route& route) {
  request.fixed(rtmsg{
      .rtm_family = AF_INET,
      .rtm_dst_len = route.to.prefix_len(),
      .rtm_table = RT_TABLE_MAIN,
      .rtm_protocol = RTPROT_BOOT,
      .rtm_scope = static_cast<unsigned char>(route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK),
      .rtm_type = RTN_UNICAST});
  if (!route.is_default()) request.ip(RTA_DST, route.to.first());
  if (route.gateway) request.ip(RTA_GATEWAY, *route.gateway);
  if (route.link) request.i32(RTA_OIF, route.link.value);
}

bool overlap(Cidr a, Cidr b) {
  return a.contains(b.first()) || b.contains(a.first());
}

}  // namespace

Result<std::vector<Route>> list_routes(Netlink& nl) {
  Request request(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
  request.fixed(rtmsg{.rtm_family = AF_INET});
  return collect<Route>(nl, request, "cannot list routes", &parse_route);
}

Result<bool> add_route(Netlink& nl, const Route& route) {
  Request request(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  describe(request, route);
  const auto done = nl.call(request, "cannot add the route");
  if (!done && done.error().sys_errno == EEXIST) return false;
  if (!done) return done.error();
  return true;
}

Result<bool> delete_route(Netlink& nl, const Route& route) {
  Request request(RTM_DELROUTE, NLM_F_REQUEST);
  describe(request, route);
  const auto done = nl.call(request, "cannot delete the route");
  if (!done && done.error().sys_errno == ESRCH) return false;
  if (!done) return done.error();
  return true;
}

Result<std::vector<Route>> overlapping_routes(Netlink& nl, Cidr range, IfIndex except) {
  auto routes = list_routes(nl);
  if (!routes) return routes;
  std::erase_if(*routes, [&](const Route& r) {
    return r.is_default() || (except && r.link == except) || !overlap(r.to, range);
  });
  return routes;
}

}  // namespace weft::linux_net
