// SPDX-License-Identifier: Apache-2.0
#include "router/linux/internal/capture_port.h"

#include <algorithm>

#include "router/linux/ethtool.h"
#include "router/linux/internal/find_optional.h"
#include "router/linux/internal/settings.h"
#include "router/linux/tap.h"
#include "router/linux/veth.h"

namespace weft::linux_net {
namespace {

// Where Weave's fast data path had its end of the pair.
constexpr std::string_view kWeaveDatapathEnd = "vethwe-datapath";
constexpr Error kInconsistent{Errc::conflict, 0,
                              "inconsistent bridge state: run 'weave reset' and start again"};

// Is the pair that is there ours (true), one to replace (false), or a riddle?
Result<bool> judge_pair(const Link& bridge_end, const std::optional<Link>& capture_end,
                        const std::optional<Link>& datapath_end, IfIndex bridge) {
  const auto is_peer = [&](const std::optional<Link>& other) {
    return other && other->kind == "veth" && other->peer == bridge_end.index &&
           bridge_end.peer == other->index;
  };
  if (bridge_end.kind != "veth" || bridge_end.peer_is_elsewhere) return kInconsistent;
  if (bridge_end.master && bridge_end.master != bridge) return kInconsistent;
  if (is_peer(capture_end)) return true;
  if (!capture_end && is_peer(datapath_end)) return false;
  return kInconsistent;
}

Result<> adopt_or_create_pair(Netlink& nl, IfIndex bridge, int mtu) {
  const auto bridge_end = find_optional(nl, kBridgeEnd);
  const auto capture_end = find_optional(nl, kCaptureEnd);
  const auto datapath_end = find_optional(nl, kWeaveDatapathEnd);
  for (const auto* found : {&bridge_end, &capture_end, &datapath_end}) {
    if (!*found) return found->error();
  }
  if (*bridge_end) {
    const auto ours = judge_pair(**bridge_end, *capture_end, *datapath_end, bridge);
    if (!ours) return ours.error();
    if (*ours) return {};
    if (auto gone = delete_link(nl, (*bridge_end)->index); !gone) return gone;
  } else if (*capture_end) {
    return kInconsistent;
  }
  return create_veth(
      nl, {.name = std::string(kBridgeEnd), .peer_name = std::string(kCaptureEnd), .mtu = mtu});
}

Result<> settle_end(Netlink& nl, const Link& link, int mtu, IfIndex master) {
  if (auto done = refuse_router_advertisements(link.name); !done) return done;
  if (link.mtu != mtu) {
    if (auto done = set_link_mtu(nl, link.index, mtu); !done) return done;
  }
  if (link.master != master) {
    if (auto done = set_link_master(nl, link.index, master); !done) return done;
  }
  return set_link_up(nl, link.index);
}

Result<> settle_pair(Netlink& nl, const Link& bridge) {
  if (auto done = adopt_or_create_pair(nl, bridge.index, bridge.mtu); !done) return done;
  for (const std::string_view name : {kCaptureEnd, kBridgeEnd}) {
    const auto link = find_link(nl, name);
    if (!link) return link.error();
    // The bridge's end thus segments and completes checksums for all pods before we capture. At
    // the other end it lets libpcap size its ring's slots by the MTU instead of by 64 KiB.
    if (auto done = set_offloads(name, kCaptureOffloads); !done) return done;
    const IfIndex master = name == kBridgeEnd ? bridge.index : link->master;
    if (auto done = settle_end(nl, *link, bridge.mtu, master); !done) return done;
  }
  return {};
}

// The pair stays, as a spare that costs nothing: whoever wants it finds it.
Result<> unplug_pair(Netlink& nl, IfIndex bridge) {
  const auto end = find_optional(nl, kBridgeEnd);
  if (!end) return end.error();
  if (!*end || (*end)->master != bridge) return {};
  return set_link_master(nl, (*end)->index, {});
}

Result<> settle_tap(Netlink& nl, const Link& bridge) {
  const auto tap = find_link(nl, kTapEnd);
  if (!tap) return tap.error();
  if (tap->kind != "tun" || (tap->master && tap->master != bridge.index)) return kInconsistent;
  // Weave's bridges have 65,535. One whose MTU nobody has set comes down to the TAP device's.
  return settle_end(nl, *tap, std::min(bridge.mtu, kTapMtuMax), bridge.index);
}

Result<> remove_tap(Netlink& nl) {
  const auto tap = find_optional(nl, kTapEnd);
  if (!tap) return tap.error();
  if (!*tap) return {};
  if ((*tap)->kind != "tun") return kInconsistent;
  return delete_link_if_present(nl, kTapEnd);
}

}  // namespace

Result<> settle_capture_port(Netlink& nl, CapturePort port, const Link& bridge) {
  const bool tap = port == CapturePort::tap;
  if (auto done = tap ? unplug_pair(nl, bridge.index) : remove_tap(nl); !done) return done;
  return tap ? settle_tap(nl, bridge) : settle_pair(nl, bridge);
}

}  // namespace weft::linux_net
