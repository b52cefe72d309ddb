// SPDX-License-Identifier: Apache-2.0
#include "router/linux/bridge.h"

#include <thread>

#include <linux/if_bridge.h>

#include "router/linux/internal/link_request.h"
#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {
namespace {

// A setting of the bridge port that the request asks for; nullopt: it is no bridge port.
Result<std::optional<std::uint8_t>> port_setting(Netlink& nl, Request& request,
                                                 std::uint16_t setting) {
  std::optional<std::uint8_t> found;
  const auto done = nl.query(request, "cannot look at the bridge port", [&](nlmsghdr* answer) {
    const Attributes<IFLA_MAX> attributes(answer, sizeof(ifinfomsg));
    const Attributes<IFLA_INFO_MAX> info(attributes.find(IFLA_LINKINFO));
    if (info.text(IFLA_INFO_SLAVE_KIND) != "bridge") return;
    const Attributes<IFLA_BRPORT_MAX> settings(info.find(IFLA_INFO_SLAVE_DATA));
    found = settings.u8(setting);
  });
  if (!done) return done.error();
  return found;
}

}  // namespace

Result<Link> create_bridge(Netlink& nl, std::string_view name) {
  if (!valid_link_name(name)) return sys_error(EINVAL, "not a name for a bridge");
  Request request(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  request.fixed(ifinfomsg{}).text(IFLA_IFNAME, name).nest(IFLA_LINKINFO, [&] {
    request.text(IFLA_INFO_KIND, "bridge").nest(IFLA_INFO_DATA, [&] {
      request.u32(IFLA_BR_STP_STATE, 0).u32(IFLA_BR_FORWARD_DELAY, 0);
    });
  });
  if (auto made = nl.call(request, "cannot create the bridge"); !made) return made.error();
  return find_link(nl, name);
}

Result<std::vector<Link>> bridge_ports(Netlink& nl, IfIndex bridge) {
  auto links = list_links(nl);
  if (!links) return links;
  std::erase_if(*links, [&](const Link& link) { return link.master != bridge; });
  return links;
}

Result<> set_port_hairpin(Netlink& nl, IfIndex port, bool on) {
  Request request(RTM_SETLINK, NLM_F_REQUEST);
  request.fixed(ifinfomsg{.ifi_family = AF_BRIDGE, .ifi_index = port.value})
      .nest(IFLA_PROTINFO | NLA_F_NESTED, [&] { request.u8(IFLA_BRPORT_MODE, on ? 1 : 0); });
  return nl.call(request, "cannot set hairpin mode");
}

Result<std::optional<bool>> port_hairpin(Netlink& nl, std::string_view port) {
  Request request(RTM_GETLINK, NLM_F_REQUEST);
  request.fixed(ifinfomsg{}).text(IFLA_IFNAME, port);
  auto mode = port_setting(nl, request, IFLA_BRPORT_MODE);
  if (!mode) return mode.error();
  return *mode ? std::optional(**mode == 1) : std::nullopt;
}

Result<bool> wait_until_forwarding(Netlink& nl, IfIndex port, std::chrono::milliseconds limit) {
  constexpr std::chrono::milliseconds kLookEvery{1};
  for (auto waited = std::chrono::milliseconds(0);; waited += kLookEvery) {
    Request request(RTM_GETLINK, NLM_F_REQUEST);
    request.fixed(ifinfomsg{.ifi_index = port.value});
    const auto state = port_setting(nl, request, IFLA_BRPORT_STATE);
    if (!state) return state.error();
    const bool forwards = *state == BR_STATE_FORWARDING;
    if (forwards || waited >= limit) return forwards;
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace weft::linux_net
