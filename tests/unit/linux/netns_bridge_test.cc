// SPDX-License-Identifier: Apache-2.0
// The bridge and its capture pair: making, adopting, mending, refusing.
#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/bridge_plumbing.h"
#include "router/linux/ethtool.h"
#include "router/linux/sysctl.h"
#include "router/linux/veth.h"
#include "test_netns.h"

using namespace weft;
using namespace weft::linux_net;

namespace {

const PeerName kName = *PeerName::parse("7a:9f:eb:b6:0c:6e");

// A namespace that the calling thread is in.
struct Host {
  TestNs ns{"h"};
  NetNs handle = ns.open();
  NetNsScope scope = NetNsScope::enter(handle).value();
  Netlink nl = Netlink::open().value();
};

BridgeSpec spec() {
  return {.name = kName, .mtu_if_new = 1376};
}

}  // namespace

TEST_CASE("bridge plumbing: first start: bridge and pair are up, named, sized and quiet") {
  if (!can_make_namespaces()) return;
  Host host;
  CHECK_FALSE(find_bridge(host.nl, "weave").value());
  const auto state = ensure_bridge(spec());
  REQUIRE(state);
  CHECK(state->created);
  CHECK(state->bridge.mac.text() == "7a:9f:eb:b6:0c:6e");
  CHECK(state->bridge.mtu == 1376);
  CHECK(state->bridge.up);
  CHECK(find_bridge(host.nl, "weave").value().value().ours);
  const Link bridge_end = find_link(host.nl, kBridgeEnd).value();
  const Link capture_end = find_link(host.nl, kCaptureEnd).value();
  CHECK(bridge_end.master == state->bridge.index);
  CHECK(bridge_end.up);
  CHECK(bridge_end.mtu == 1376);
  CHECK_FALSE(capture_end.master);
  CHECK(capture_end.running);
  CHECK(offloads(kBridgeEnd).value().tx_checksum == false);
  for (const char* link : {"weave", "vethwe-bridge", "vethwe-pcap"}) {
    const std::string folder = "net/ipv6/conf/" + std::string(link);
    CHECK(read_sysctl(folder + "/accept_ra").value() == "0");
    CHECK(read_sysctl(folder + "/accept_redirects").value() == "0");
  }
  CHECK(read_sysctl("net/ipv4/neigh/weave/ucast_solicit").value() == "1");
}

TEST_CASE("bridge plumbing: restart: everything is adopted, addresses, ports and MTU kept") {
  if (!can_make_namespaces()) return;
  Host host;
  const auto first = ensure_bridge(spec()).value();
  REQUIRE(add_bridge_address("weave", *Cidr::parse("10.32.0.1/12")));
  REQUIRE(create_veth(host.nl, {.name = "vethweplabc", .peer_name = "guest"}));
  const Link port = find_link(host.nl, "vethweplabc").value();
  REQUIRE(set_link_master(host.nl, port.index, first.bridge.index));
  auto again = spec();
  again.mtu_if_new = 9000;
  const auto second = ensure_bridge(again).value();
  CHECK_FALSE(second.created);
  CHECK(second.bridge.index == first.bridge.index);
  CHECK(second.bridge.mtu == 1376);
  CHECK(second.addresses == std::vector{*Cidr::parse("10.32.0.1/12")});
  CHECK(bridge_ports(host.nl, first.bridge.index).value().size() == 2);
  again.mtu = 1410;
  CHECK(ensure_bridge(again).value().bridge.mtu == 1410);
  CHECK(find_link(host.nl, kBridgeEnd).value().mtu == 1410);
  CHECK(find_link(host.nl, kCaptureEnd).value().mtu == 1410);
}

TEST_CASE("bridge plumbing: jumbo: Weave's MTU of 65535 is possible") {
  if (!can_make_namespaces()) return;
  Host host;
  auto jumbo = spec();
  jumbo.mtu = 65535;
  CHECK(ensure_bridge(jumbo).value().bridge.mtu == 65535);
}

TEST_CASE("bridge plumbing: leftovers: a pair without a bridge, or unplugged and down, is used") {
  if (!can_make_namespaces()) return;
  Host host;
  REQUIRE(create_veth(host.nl, {.name = "vethwe-bridge", .peer_name = "vethwe-pcap"}));
  const auto state = ensure_bridge(spec()).value();
  const Link bridge_end = find_link(host.nl, kBridgeEnd).value();
  CHECK(bridge_end.master == state.bridge.index);
  REQUIRE(set_link_master(host.nl, bridge_end.index, {}));
  REQUIRE(set_link_down(host.nl, bridge_end.index));
  REQUIRE(ensure_bridge(spec()));
  CHECK(find_link(host.nl, kBridgeEnd).value().master == state.bridge.index);
  CHECK(find_link(host.nl, kCaptureEnd).value().running);
}

TEST_CASE(
    "bridge plumbing: Weave's bridge: taken over with its name, the fast path's pair replaced") {
  if (!can_make_namespaces()) return;
  Host host;
  const Link weave = create_bridge(host.nl, "weave").value();
  REQUIRE(create_veth(host.nl, {.name = "vethwe-bridge", .peer_name = "vethwe-datapath"}));
  REQUIRE(set_link_master(host.nl, find_link(host.nl, "vethwe-bridge").value().index, weave.index));
  CHECK_FALSE(find_bridge(host.nl, "weave").value().value().ours);
  const auto state = ensure_bridge(spec()).value();
  CHECK(state.bridge.index == weave.index);
  CHECK(state.bridge.mac == MacAddr::of(kName));
  CHECK(find_link(host.nl, "vethwe-datapath").error().code == Errc::not_found);
  CHECK(find_link(host.nl, kCaptureEnd));
}

TEST_CASE("bridge plumbing: inconsistent: what we do not understand is refused and left alone") {
  if (!can_make_namespaces()) return;
  Host host;
  std::string at_fault;
  SUBCASE("the bridge's name is another kind of interface") {
    REQUIRE(make_link(host.nl, "weave"));
    at_fault = "weave";
  }
  SUBCASE("one end's name is another kind of interface") {
    REQUIRE(create_bridge(host.nl, "vethwe-bridge"));
    at_fault = "vethwe-bridge";
  }
  SUBCASE("a capture end with a foreign peer") {
    REQUIRE(create_veth(host.nl, {.name = "vethwe-pcap", .peer_name = "foreign"}));
    at_fault = "vethwe-pcap";
  }
  SUBCASE("plugged into another bridge") {
    const Link other = create_bridge(host.nl, "other").value();
    REQUIRE(create_veth(host.nl, {.name = "vethwe-bridge", .peer_name = "vethwe-pcap"}));
    REQUIRE(
        set_link_master(host.nl, find_link(host.nl, "vethwe-bridge").value().index, other.index));
    at_fault = "vethwe-pcap";
  }
  const auto state = ensure_bridge(spec());
  REQUIRE_FALSE(state);
  CHECK(state.error().code == Errc::conflict);
  CHECK(state.error().what.find("weave reset") != std::string_view::npos);
  CHECK(find_link(host.nl, at_fault));
  // A bridge that was made for nothing is gone again.
  if (at_fault != "weave") CHECK(find_link(host.nl, "weave").error().code == Errc::not_found);
}

TEST_CASE("bridge plumbing: reset: bridge, pair and pods' ends go, others' links stay") {
  if (!can_make_namespaces()) return;
  Host host;
  REQUIRE(ensure_bridge(spec()));
  REQUIRE(create_veth(host.nl, {.name = "vethweplabc", .peer_name = "guest"}));
  REQUIRE(make_link(host.nl, "mine"));
  REQUIRE(remove_bridge("weave"));
  REQUIRE(remove_bridge("weave"));
  const auto links = list_links(host.nl).value();
  CHECK(links.size() == 3);
  CHECK(find_link(host.nl, "mine"));
}

TEST_CASE("bridge plumbing: address: added and announced, taken away, both repeatable") {
  if (!can_make_namespaces()) return;
  Host host;
  REQUIRE(ensure_bridge(spec()));
  const Cidr address = *Cidr::parse("10.32.0.1/12");
  CHECK(add_bridge_address("weave", address).value());
  CHECK_FALSE(add_bridge_address("weave", address).value());
  CHECK(delete_bridge_address("weave", address).value());
  CHECK_FALSE(delete_bridge_address("weave", address).value());
  CHECK(add_bridge_address("nosuch", address).error().code == Errc::not_found);
}
