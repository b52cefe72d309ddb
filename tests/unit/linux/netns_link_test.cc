// SPDX-License-Identifier: Apache-2.0
// Links, addresses, routes, settings and offloads, against the real kernel in a namespace.
#include <algorithm>
#include <stdexcept>

#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/ethtool.h"
#include "router/linux/neighbour.h"
#include "router/linux/route.h"
#include "router/linux/sysctl.h"
#include "router/linux/underlay.h"
#include "router/linux/veth.h"
#include "test_netns.h"

using namespace weft;
using namespace weft::linux_net;

namespace {
Cidr cidr(const char* text) {
  return Cidr::parse(text).value();
}
Ipv4Addr ip(const char* text) {
  return Ipv4Addr::parse(text).value();
}
}  // namespace

TEST_CASE("netns: run_in: work runs inside and the thread comes back, even past an exception") {
  if (!can_make_namespaces()) return;
  TestNs inside("a");
  const NetNs home = NetNs::current().value();
  const auto same = run_in(inside.open(), [&]() -> Result<bool> {
    return NetNs::current().value().same_as(inside.open());
  });
  REQUIRE(same);
  CHECK(*same);
  CHECK(NetNs::current().value().same_as(home));
  CHECK_THROWS(static_cast<void>(
      run_in(inside.open(), []() -> Result<> { throw std::runtime_error("x"); })));
  CHECK(NetNs::current().value().same_as(home));
}

TEST_CASE("netns: open: a missing path and an ordinary file are told apart") {
  CHECK(NetNs::open("/run/netns/wf-no-such").error().code == Errc::not_found);
  CHECK(NetNs::open("/etc/passwd").error().code == Errc::bad_value);
}

TEST_CASE("link: life: made, renamed, set up, moved and deleted links are what the kernel shows") {
  if (!can_make_namespaces()) return;
  TestNs a("a");
  TestNs b("b");
  auto nl = Netlink::open(a.open()).value();
  auto nl_b = Netlink::open(b.open()).value();
  const IfIndex dummy = make_link(nl, "wfd0").value();
  CHECK(make_link(nl, "wfd0").error().sys_errno == EEXIST);
  REQUIRE(set_link_mac(nl, dummy, *MacAddr::parse("02:00:00:00:00:07")));
  REQUIRE(set_link_mtu(nl, dummy, 1376));
  REQUIRE(set_link_alias(nl, dummy, "hello"));
  REQUIRE(rename_link(nl, dummy, "wfd1"));
  REQUIRE(set_link_up(nl, dummy));
  const Link link = find_link(nl, "wfd1").value();
  CHECK(link.index == dummy);
  CHECK(link.kind == "veth");
  CHECK(link.mac.text() == "02:00:00:00:00:07");
  CHECK(link.mtu == 1376);
  CHECK(link.alias == "hello");
  CHECK(link.up);
  REQUIRE(set_link_down(nl, dummy));
  CHECK_FALSE(find_link(nl, dummy).value().up);
  REQUIRE(move_link(nl, dummy, b.open()));
  CHECK(find_link(nl, "wfd1").error().code == Errc::not_found);
  CHECK(find_link(nl_b, "wfd1"));
  REQUIRE(delete_link_if_present(nl_b, "wfd1"));
  REQUIRE(delete_link_if_present(nl_b, "wfd1"));
}

TEST_CASE("link: list: hundreds of links are all listed, and each found by name") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  auto nl = Netlink::open(ns.open()).value();
  for (int i = 0; i < 150; ++i)
    REQUIRE(make_link(nl, "wfd" + std::to_string(i)));
  CHECK(list_links(nl).value().size() == 301);
  CHECK(find_link(nl, "pwfd149"));
}

TEST_CASE("link: errors: names and numbers that do not exist are not_found with an errno") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  auto nl = Netlink::open(ns.open()).value();
  for (const char* name : {"nosuch", "", "name-that-is-too-long", "a/b"}) {
    CAPTURE(name);
    CHECK(find_link(nl, name).error() ==
          Error{Errc::not_found, ENODEV, "no such network interface"});
  }
  CHECK(set_link_up(nl, {4711}).error().sys_errno == ENODEV);
  CHECK(delete_link(nl, {0}).error().sys_errno == ENODEV);
  // The socket still works after refusals.
  CHECK(find_link(nl, "lo").value().loopback);
}

TEST_CASE("bridge: ports: a veth plugged in is a port whose hairpin mode can be switched") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  TestNs pod("b");
  const NetNs pod_ns = pod.open();
  auto nl = Netlink::open(ns.open()).value();
  auto nl_pod = Netlink::open(pod_ns).value();
  const Link bridge = create_bridge(nl, "wfbr").value();
  CHECK(bridge.kind == "bridge");
  CHECK(create_bridge(nl, "wfbr").error().code == Errc::conflict);
  REQUIRE(create_veth(nl, {.name = "wfv0",
                           .peer_name = "eth0",
                           .mtu = 1400,
                           .peer_mac = MacAddr::parse("02:00:00:00:00:09"),
                           .peer_ns = &pod_ns}));
  const Link outside = find_link(nl, "wfv0").value();
  const Link inside = find_link(nl_pod, "eth0").value();
  CHECK(outside.mtu == 1400);
  CHECK(inside.mtu == 1400);
  CHECK(inside.mac.text() == "02:00:00:00:00:09");
  CHECK(inside.peer == outside.index);
  CHECK(outside.peer == inside.index);
  CHECK(inside.peer_is_elsewhere);
  CHECK(bridge_ports(nl, bridge.index).value().empty());
  CHECK_FALSE(port_hairpin(nl, "wfv0").value());
  REQUIRE(set_link_master(nl, outside.index, bridge.index));
  REQUIRE(bridge_ports(nl, bridge.index).value().size() == 1);
  CHECK(port_hairpin(nl, "wfv0").value() == false);
  REQUIRE(set_port_hairpin(nl, outside.index, true));
  CHECK(port_hairpin(nl, "wfv0").value() == true);
  REQUIRE(set_link_master(nl, outside.index, {}));
  CHECK(bridge_ports(nl, bridge.index).value().empty());
}

TEST_CASE("veth: conflict: a taken name on either side makes nothing") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  auto nl = Netlink::open(ns.open()).value();
  REQUIRE(make_link(nl, "taken"));
  CHECK(create_veth(nl, {.name = "wfv0", .peer_name = "taken"}).error().sys_errno == EEXIST);
  CHECK(create_veth(nl, {.name = "taken", .peer_name = "wfv1"}).error().sys_errno == EEXIST);
  CHECK(find_link(nl, "wfv0").error().code == Errc::not_found);
  CHECK(find_link(nl, "wfv1").error().code == Errc::not_found);
}

TEST_CASE("addr: add and delete: repeated calls change nothing and say so") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  auto nl = Netlink::open(ns.open()).value();
  const IfIndex link = make_link(nl, "wfd0").value();
  CHECK(add_addr(nl, link, cidr("10.32.0.5/12")).value());
  CHECK_FALSE(add_addr(nl, link, cidr("10.32.0.5/12")).value());
  CHECK(add_addr(nl, link, cidr("192.0.2.1/32")).value());
  const auto shown =
      run_in(ns.open(), [] { return Result<std::string>(shell("ip -4 addr show wfd0")); });
  CHECK(contains(*shown, "inet 10.32.0.5/12 brd 10.47.255.255"));
  CHECK(link_addrs(nl, link).value() == std::vector{cidr("10.32.0.5/12"), cidr("192.0.2.1/32")});
  CHECK(delete_addr(nl, link, cidr("10.32.0.5/12")).value());
  CHECK_FALSE(delete_addr(nl, link, cidr("10.32.0.5/12")).value());
  CHECK(add_addr(nl, {4711}, cidr("10.0.0.1/8")).error().sys_errno == ENODEV);
}

TEST_CASE("route: overlap: routes inside, around and equal to a range are found, others not") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  auto nl = Netlink::open(ns.open()).value();
  const IfIndex link = make_link(nl, "wfd0").value();
  REQUIRE(set_link_up(nl, link));
  REQUIRE(add_addr(nl, link, cidr("10.0.0.1/24")));
  for (const char* to : {"10.32.0.0/16", "10.32.0.0/12", "10.0.0.0/8", "10.48.0.0/16"}) {
    CHECK(add_route(nl, {.to = cidr(to), .link = link}).value());
  }
  const Route by_default{.to = cidr("0.0.0.0/0"), .gateway = ip("10.0.0.254"), .link = link};
  CHECK(add_route(nl, by_default).value());
  CHECK_FALSE(add_route(nl, by_default).value());
  const auto found = overlapping_routes(nl, cidr("10.32.0.0/12"), {}).value();
  CHECK(found.size() == 3);
  CHECK(overlapping_routes(nl, cidr("10.32.0.0/12"), link).value().empty());
  const auto routes = list_routes(nl).value();
  CHECK(std::count(routes.begin(), routes.end(), by_default) == 1);
  CHECK(delete_route(nl, by_default).value());
  CHECK_FALSE(delete_route(nl, by_default).value());
}

TEST_CASE("underlay: path: source, gateway and MTU come from the route, else from the link") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  auto nl = Netlink::open(ns.open()).value();
  CHECK(underlay_path(nl, ip("10.0.0.9")).error().sys_errno == ENETUNREACH);
  CHECK(underlay_mtu(nl, {}).value() == 1500);
  const IfIndex link = make_link(nl, "wfd0").value();
  REQUIRE(set_link_mtu(nl, link, 8000));
  REQUIRE(set_link_up(nl, link));
  REQUIRE(add_addr(nl, link, cidr("10.0.0.1/24")));
  CHECK(underlay_mtu(nl, {}).value() == 8000);
  CHECK(underlay_mtu(nl, link).value() == 1500);
  const auto near = underlay_path(nl, ip("10.0.0.9")).value();
  CHECK(near.source == ip("10.0.0.1"));
  CHECK_FALSE(near.gateway);
  CHECK(near.mtu == 8000);
  run_in(ns.open(), [] {
    return Result<std::string>(shell("ip route add 192.0.2.0/24 via 10.0.0.254 mtu 1300"));
  }).value();
  const auto far = underlay_path(nl, ip("192.0.2.1")).value();
  CHECK(far.gateway == ip("10.0.0.254"));
  CHECK(far.mtu == 1300);
  CHECK(local_addresses(nl).value() == std::vector{ip("10.0.0.1")});
}

TEST_CASE("sysctl: scope: a setting is written in the namespace and a missing one is told") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  const auto done = run_in(ns.open(), []() -> Result<> {
    CHECK(write_sysctl("net/ipv4/conf/lo/forwarding", "1").value());
    CHECK(read_sysctl("net/ipv4/conf/lo/forwarding").value() == "1");
    CHECK_FALSE(write_sysctl("net/ipv4/conf/nosuch/forwarding", "1").value());
    CHECK(read_sysctl("net/nosuch").error().code == Errc::not_found);
    CHECK(write_sysctl("net/ipv4/conf/lo/forwarding", "x").error().sys_errno == EINVAL);
    return {};
  });
  CHECK(done);
}

TEST_CASE("ethtool: offloads: what is switched off stays off, and not knowing an offload is fine") {
  if (!can_make_namespaces()) return;
  TestNs ns("a");
  auto nl = Netlink::open(ns.open()).value();
  REQUIRE(create_veth(nl, {.name = "wfv0", .peer_name = "wfv1"}));
  const auto done = run_in(ns.open(), []() -> Result<> {
    CHECK(offloads("wfv0").value().tso == true);
    CHECK(set_offloads("wfv0", kWholeFrames));
    const Offloads now = offloads("wfv0").value();
    CHECK(now.tx_checksum == false);
    CHECK(now.tso == false);
    CHECK(now.gso == false);
    CHECK(set_offloads("wfv0", {.tx_checksum = true, .scatter_gather = true, .tso = true}));
    CHECK(offloads("wfv0").value().tso == true);
    CHECK(set_offloads("lo", kWholeFrames));
    CHECK(set_offloads("nosuch", kWholeFrames).error().sys_errno == ENODEV);
    return {};
  });
  CHECK(done);
}
