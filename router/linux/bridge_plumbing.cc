// SPDX-License-Identifier: Apache-2.0
#include "router/linux/bridge_plumbing.h"

#include <algorithm>
#include <array>

#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/internal/capture_port.h"
#include "router/linux/internal/find_optional.h"
#include "router/linux/internal/settings.h"
#include "router/linux/neighbour.h"
#include "router/linux/tap.h"

namespace weft::linux_net {
namespace {

constexpr Error kNotABridge{
    Errc::conflict, 0,
    "an interface with the bridge's name is no Linux bridge: run 'weave reset' and start again"};

Result<> adopt_or_create_bridge(Netlink& nl, const BridgeSpec& spec, BridgeState& state) {
  const auto found = find_optional(nl, spec.bridge);
  if (!found) return found.error();
  if (*found && (*found)->kind != "bridge") return kNotABridge;
  if (*found) {
    state.bridge = **found;
    if (spec.mtu && *spec.mtu != state.bridge.mtu) {
      return set_link_mtu(nl, state.bridge.index, *spec.mtu);
    }
    return {};
  }
  auto made = create_bridge(nl, spec.bridge);
  if (!made) return made.error();
  state.bridge = *made;
  state.created = true;
  if (auto done = set_link_alias(nl, made->index, kOurAlias); !done) return done;
  // A bridge of which nobody has set the MTU follows its ports'.
  return set_link_mtu(nl, made->index, spec.mtu.value_or(spec.mtu_if_new));
}

Result<> settle_bridge(Netlink& nl, const BridgeSpec& spec, const Link& bridge) {
  // Set by hand, the MAC no longer follows the lowest of the ports'.
  if (spec.name.value() != 0 && bridge.mac != MacAddr::of(spec.name)) {
    if (auto done = set_link_mac(nl, bridge.index, MacAddr::of(spec.name)); !done) return done;
  }
  if (auto done = refuse_router_advertisements(spec.bridge); !done) return done;
  if (auto done = quicken_arp(spec.bridge); !done) return done;
  if (auto done = keep_other_addresses(spec.bridge); !done) return done;
  return set_link_up(nl, bridge.index);
}

Result<BridgeState> build(Netlink& nl, const BridgeSpec& spec, BridgeState& state) {
  if (auto done = adopt_or_create_bridge(nl, spec, state); !done) return done.error();
  const auto bridge = find_link(nl, state.bridge.index);
  if (!bridge) return bridge.error();
  if (auto done = settle_bridge(nl, spec, *bridge); !done) return done.error();
  if (auto done = settle_capture_port(nl, spec.capture, *bridge); !done) return done.error();
  const auto settled = find_link(nl, bridge->index);
  if (!settled) return settled.error();
  state.bridge = *settled;
  auto addresses = link_addrs(nl, bridge->index);
  if (!addresses) return addresses.error();
  state.addresses = std::move(*addresses);
  return state;
}

// Host ends of pods, of `weave attach` and of the Docker plug-in, the pair and the TAP device.
bool made_for_pods(const Link& link) {
  if (link.kind == "tun" && link.name == kTapEnd) return true;
  constexpr std::array kPrefixes{std::string_view("vethwe"), std::string_view("vethwl")};
  return link.kind == "veth" &&
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view p) { return link.name.starts_with(p); });
}

}  // namespace

Result<std::optional<FoundBridge>> find_bridge(Netlink& nl, std::string_view bridge) {
  const auto link = find_optional(nl, bridge);
  if (!link) return link.error();
  if (!*link) return std::optional<FoundBridge>();
  return std::optional<FoundBridge>(
      FoundBridge{.link = **link, .ours = (*link)->alias == kOurAlias});
}

Result<BridgeState> ensure_bridge(const BridgeSpec& spec) {
  auto nl = Netlink::open();
  if (!nl) return nl.error();
  BridgeState state;
  auto built = build(*nl, spec, state);
  // A bridge that we have just made and could not finish would be adopted as it is next time.
  if (!built && state.created) static_cast<void>(delete_link(*nl, state.bridge.index));
  return built;
}

Result<> remove_bridge(std::string_view bridge) {
  auto nl = Netlink::open();
  if (!nl) return nl.error();
  const auto links = list_links(*nl);
  if (!links) return links.error();
  for (const Link& link : *links) {
    const bool is_bridge = link.name == bridge && link.kind == "bridge";
    if (!is_bridge && !made_for_pods(link)) continue;
    const auto gone = delete_link(*nl, link.index);
    // The other end of a pair went with the first.
    if (!gone && gone.error().code != Errc::not_found) return gone;
  }
  return {};
}

Result<bool> add_bridge_address(std::string_view bridge, Cidr address) {
  auto nl = Netlink::open();
  if (!nl) return nl.error();
  const auto link = find_link(*nl, bridge);
  if (!link) return link.error();
  const auto added = add_addr(*nl, link->index, address);
  if (!added) return added;
  if (auto told = announce_address(link->index, link->mac, address.addr()); !told) {
    return told.error();
  }
  return added;
}

Result<bool> delete_bridge_address(std::string_view bridge, Cidr address) {
  auto nl = Netlink::open();
  if (!nl) return nl.error();
  const auto link = find_link(*nl, bridge);
  if (!link) return link.error();
  return delete_addr(*nl, link->index, address);
}

}  // namespace weft::linux_net
