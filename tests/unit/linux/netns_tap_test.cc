// SPDX-License-Identifier: Apache-2.0
// The TAP device: making, adopting, refusing, and its place as the bridge's port.
#include "router/linux/bridge.h"
#include "router/linux/bridge_plumbing.h"
#include "router/linux/sysctl.h"
#include "router/linux/tap.h"
#include "router/linux/veth.h"
#include "test_netns.h"

using namespace weft;
using namespace weft::linux_net;

namespace {

struct Host {
  TestNs ns{"h"};
  NetNs handle = ns.open();
  NetNsScope scope = NetNsScope::enter(handle).value();
  Netlink nl = Netlink::open().value();
};

BridgeSpec spec(CapturePort port) {
  return {.name = *PeerName::parse("7a:9f:eb:b6:0c:6e"), .mtu_if_new = 1376, .capture = port};
}

}  // namespace

TEST_CASE("tap: open: the device is there with as many queues as asked, and outlives them") {
  if (!can_make_namespaces()) return;
  Host host;
  IfIndex index;
  {
    const auto tap = Tap::open({.queues = 3, .queue_length = 77});
    REQUIRE(tap);
    CHECK(tap->queues() == 3);
    CHECK(tap->offloads().checksum);
    CHECK(tap->offloads().tcp_segments);
    const Link link = find_link(host.nl, kTapEnd).value();
    CHECK(link.kind == "tun");
    index = link.index;
    CHECK(contains(shell("ip link show vethwe-tap"), "qlen 77"));
  }
  CHECK(find_link(host.nl, kTapEnd).value().index == index);
  const auto again = Tap::open({.queues = 1});
  REQUIRE(again);
  CHECK(find_link(host.nl, kTapEnd).value().index == index);
}

TEST_CASE("tap: open: a name of another kind of interface is refused and left alone") {
  if (!can_make_namespaces()) return;
  Host host;
  REQUIRE(create_bridge(host.nl, kTapEnd));
  const auto tap = Tap::open({});
  REQUIRE_FALSE(tap);
  CHECK(tap.error().code == Errc::conflict);
  CHECK(find_link(host.nl, kTapEnd).value().kind == "bridge");
  CHECK(Tap::open({.queues = 0}).error().code == Errc::bad_value);
  CHECK(Tap::open({.queues = kTapQueuesMax + 1}).error().code == Errc::bad_value);
  CHECK(Tap::open({.name = "no/name"}).error().code == Errc::bad_value);
}

TEST_CASE("tap: port: of pair and TAP exactly one is plugged in, whichever came first") {
  if (!can_make_namespaces()) return;
  Host host;
  const auto state = ensure_bridge(spec(CapturePort::pair)).value();
  CHECK(find_link(host.nl, kBridgeEnd).value().master == state.bridge.index);
  {
    const auto tap = Tap::open({.queues = 2});
    REQUIRE(tap);
    REQUIRE(ensure_bridge(spec(CapturePort::tap)));
    const Link link = find_link(host.nl, kTapEnd).value();
    CHECK(link.master == state.bridge.index);
    CHECK(link.mtu == 1376);
    CHECK(link.running);
    CHECK_FALSE(find_link(host.nl, kBridgeEnd).value().master);
    CHECK(bridge_ports(host.nl, state.bridge.index).value().size() == 1);
    CHECK(read_sysctl("net/ipv6/conf/vethwe-tap/accept_ra").value() == "0");
    // The daemon dies and comes back.
    REQUIRE(ensure_bridge(spec(CapturePort::tap)));
    CHECK(find_link(host.nl, kTapEnd).value().index == link.index);
  }
  REQUIRE(ensure_bridge(spec(CapturePort::pair)));
  CHECK(find_link(host.nl, kBridgeEnd).value().master == state.bridge.index);
  CHECK(find_link(host.nl, kTapEnd).error().code == Errc::not_found);
}

TEST_CASE("tap: port: a bridge of Weave's, with an MTU beyond a TAP device's, is adopted") {
  if (!can_make_namespaces()) return;
  Host host;
  // As Weave does: the bridge follows the largest port, and no MTU of its own is set.
  const Link bridge = create_bridge(host.nl, "weave").value();
  REQUIRE(create_veth(
      host.nl,
      {.name = std::string(kBridgeEnd), .peer_name = std::string(kCaptureEnd), .mtu = 65535}));
  REQUIRE(set_link_master(host.nl, find_link(host.nl, kBridgeEnd).value().index, bridge.index));
  REQUIRE(find_link(host.nl, bridge.index).value().mtu == 65535);
  const auto tap = Tap::open({});
  REQUIRE(tap);
  const auto state = ensure_bridge(spec(CapturePort::tap));
  REQUIRE(state);
  CHECK_FALSE(state->created);
  CHECK(state->bridge.mtu == kTapMtuMax);
  CHECK(find_link(host.nl, kTapEnd).value().mtu == kTapMtuMax);
  CHECK(find_link(host.nl, kTapEnd).value().master == bridge.index);
}

TEST_CASE("tap: port: a TAP that nobody opened, or in another bridge, is refused") {
  if (!can_make_namespaces()) return;
  Host host;
  CHECK(ensure_bridge(spec(CapturePort::tap)).error().code == Errc::not_found);
  const auto tap = Tap::open({});
  REQUIRE(tap);
  const Link other = create_bridge(host.nl, "other").value();
  REQUIRE(set_link_master(host.nl, find_link(host.nl, kTapEnd).value().index, other.index));
  CHECK(ensure_bridge(spec(CapturePort::tap)).error().code == Errc::conflict);
  CHECK(find_link(host.nl, kTapEnd).value().master == other.index);
}

TEST_CASE("tap: reset: the device goes with the bridge") {
  if (!can_make_namespaces()) return;
  Host host;
  { REQUIRE(Tap::open({})); }
  REQUIRE(ensure_bridge(spec(CapturePort::tap)));
  REQUIRE(remove_bridge("weave"));
  CHECK(find_link(host.nl, kTapEnd).error().code == Errc::not_found);
}
