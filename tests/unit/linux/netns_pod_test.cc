// SPDX-License-Identifier: Apache-2.0
// Attaching and detaching containers, with repetition, failure and other people's interfaces.
#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/bridge_plumbing.h"
#include "router/linux/ethtool.h"
#include "router/linux/pod_link.h"
#include "router/linux/route.h"
#include "router/linux/sysctl.h"
#include "test_netns.h"

using namespace weft;
using namespace weft::linux_net;

namespace {

Cidr cidr(const char* text) {
  return Cidr::parse(text).value();
}

// A host with a bridge, which the calling thread is in, and an empty pod.
struct Host {
  TestNs ns{"h"};
  TestNs pod_ns{"p"};
  NetNs handle = ns.open();
  NetNsScope scope = NetNsScope::enter(handle).value();
  Netlink nl = Netlink::open().value();
  Netlink pod = Netlink::open(pod_ns.open()).value();
  BridgeState bridge =
      ensure_bridge({.name = *PeerName::parse("7a:9f:eb:b6:0c:6e"), .mtu_if_new = 1376}).value();

  Host() { static_cast<void>(add_bridge_address("weave", cidr("10.32.0.1/12"))); }

  PodLinkSpec spec() const {
    return {.netns = pod_ns.path(),
            .ifname = "eth0",
            .host_name = host_link_name("0123456789abcdef"),
            .addresses = {cidr("10.32.0.5/12")},
            .gateway = Ipv4Addr::parse("10.32.0.1")};
  }
  std::string in_pod(const std::string& command) const {
    return run_in(pod_ns.open(), [&] { return Result<std::string>(shell(command)); }).value();
  }
};

}  // namespace

TEST_CASE("pod link: names: the host's end carries the id's first characters, made harmless") {
  CHECK(host_link_name("0123456789") == "vethwepl0123456");
  CHECK(host_link_name("ab") == "vethweplab");
  CHECK(host_link_name("a/b c:d") == "vethwepla-b-c-d");
}

TEST_CASE("pod link: attach: the pod pings the bridge, has its routes and refuses IPv6 routers") {
  if (!can_make_namespaces()) return;
  Host host;
  auto spec = host.spec();
  spec.routes = {{.to = cidr("192.0.2.0/24"), .gateway = Ipv4Addr::parse("10.32.0.9")},
                 {.to = cidr("224.0.0.0/4"), .gateway = std::nullopt}};
  const auto link = attach_pod(spec);
  REQUIRE(link);
  CHECK(link->created);
  CHECK(link->host_name == "vethwepl0123456");
  CHECK(link->mtu == 1376);
  CHECK(find_link(host.pod, "eth0").value().mac == link->mac);
  CHECK(port_hairpin(host.nl, link->host_name).value() == true);
  CHECK(contains(host.in_pod("ip -4 addr show eth0"), "inet 10.32.0.5/12 brd 10.47.255.255"));
  const std::string routes = host.in_pod("ip route");
  CHECK(contains(routes, "default via 10.32.0.1 dev eth0"));
  CHECK(contains(routes, "192.0.2.0/24 via 10.32.0.9 dev eth0"));
  CHECK(contains(routes, "224.0.0.0/4 dev eth0"));
  CHECK(host.in_pod("cat /proc/sys/net/ipv6/conf/eth0/accept_ra") == "0\n");
  CHECK(host.in_pod("cat /proc/sys/net/ipv6/conf/eth0/accept_redirects") == "0\n");
  CHECK(host.in_pod("cat /proc/sys/net/ipv4/neigh/eth0/ucast_solicit") == "1\n");
  CHECK(contains(host.in_pod("ping -c 1 -W 2 10.32.0.1"), " 0% packet loss"));
}

TEST_CASE("pod link: attach: repeating it changes nothing, a second address is added") {
  if (!can_make_namespaces()) return;
  Host host;
  const auto first = attach_pod(host.spec()).value();
  const std::string before = host.in_pod("ip addr; ip route");
  const auto again = attach_pod(host.spec()).value();
  CHECK_FALSE(again.created);
  CHECK(again.mac == first.mac);
  CHECK(host.in_pod("ip addr; ip route") == before);
  auto more = host.spec();
  more.addresses = {cidr("10.32.0.6/12")};
  REQUIRE(attach_pod(more));
  const auto interfaces = pod_interfaces(host.pod_ns.path(), "weave").value();
  REQUIRE(interfaces.size() == 1);
  CHECK(interfaces[0].name == "eth0");
  CHECK(interfaces[0].mac == first.mac);
  CHECK(interfaces[0].addresses == std::vector{cidr("10.32.0.5/12"), cidr("10.32.0.6/12")});
}

TEST_CASE("pod link: attach: several interfaces in one pod get names of their own outside") {
  if (!can_make_namespaces()) return;
  Host host;
  auto second = host.spec();
  second.ifname = "eth1";
  second.addresses = {cidr("10.40.0.7/16")};
  second.gateway.reset();
  const auto a = attach_pod(host.spec()).value();
  const auto b = attach_pod(second).value();
  CHECK(a.host_name != b.host_name);
  CHECK(pod_interfaces(host.pod_ns.path(), "weave").value().size() == 2);
}

TEST_CASE("pod link: attach: one that was killed before it was plugged in is completed") {
  if (!can_make_namespaces()) return;
  Host host;
  const auto link = attach_pod(host.spec()).value();
  const IfIndex outside = find_link(host.nl, link.host_name).value().index;
  REQUIRE(set_link_master(host.nl, outside, {}));
  REQUIRE(set_link_down(host.nl, outside));
  const auto again = attach_pod(host.spec()).value();
  CHECK_FALSE(again.created);
  CHECK(find_link(host.nl, link.host_name).value().master == host.bridge.bridge.index);
  CHECK(contains(host.in_pod("ping -c 1 -W 2 10.32.0.1"), " 0% packet loss"));
}

TEST_CASE("pod link: attach: a MAC of choice, a gateway outside the subnet, offloads off") {
  if (!can_make_namespaces()) return;
  Host host;
  auto spec = host.spec();
  spec.mac = MacAddr::parse("02:42:00:00:00:05");
  spec.gateway = Ipv4Addr::parse("172.16.0.1");
  spec.mtu = 1300;
  spec.hairpin = false;
  spec.tx_offload = false;
  const auto link = attach_pod(spec).value();
  CHECK(link.mac.text() == "02:42:00:00:00:05");
  CHECK(link.mtu == 1300);
  CHECK(port_hairpin(host.nl, link.host_name).value() == false);
  const std::string routes = host.in_pod("ip route");
  CHECK(contains(routes, "172.16.0.1 dev eth0 scope link"));
  CHECK(contains(routes, "default via 172.16.0.1 dev eth0"));
  const auto off = run_in(host.pod_ns.open(), [] { return offloads("eth0"); }).value();
  CHECK(off.tx_checksum == false);
}

TEST_CASE("pod link: failure: an attach that cannot finish leaves nothing behind") {
  if (!can_make_namespaces()) return;
  Host host;
  auto spec = host.spec();
  const auto links_before = list_links(host.nl).value().size();
  SUBCASE("a route that the kernel refuses") {
    spec.routes = {{.to = cidr("192.0.2.0/24"), .gateway = Ipv4Addr::parse("10.47.255.255")}};
    CHECK_FALSE(attach_pod(spec));
    CHECK(find_link(host.pod, "eth0").error().code == Errc::not_found);
  }
  SUBCASE("an MTU that the kernel refuses") {
    spec.mtu = 20;
    CHECK(attach_pod(spec).error().sys_errno == EINVAL);
    CHECK(find_link(host.pod, "eth0").error().code == Errc::not_found);
  }
  SUBCASE("no such bridge") {
    spec.bridge = "nosuch";
    CHECK(attach_pod(spec).error().code == Errc::not_found);
  }
  SUBCASE("no such namespace") {
    spec.netns = "/run/netns/wf-no-such";
    CHECK(attach_pod(spec).error().code == Errc::not_found);
  }
  SUBCASE("the host's own namespace") {
    spec.netns = host.ns.path();
    CHECK(attach_pod(spec).error().code == Errc::refused);
    CHECK(detach_pod(spec.netns, "lo").error().code == Errc::refused);
  }
  SUBCASE("somebody else's interface of that name") {
    REQUIRE(make_link(host.pod, "eth0"));
    CHECK(attach_pod(spec).error().code == Errc::conflict);
    CHECK(find_link(host.pod, "eth0"));
  }
  CHECK(list_links(host.nl).value().size() == links_before);
}

TEST_CASE("pod link: failure: a repeated attach that fails takes back only what it added") {
  if (!can_make_namespaces()) return;
  Host host;
  REQUIRE(attach_pod(host.spec()));
  const std::string before = host.in_pod("ip -4 addr; ip route");
  auto bad = host.spec();
  bad.addresses = {cidr("10.32.0.5/12"), cidr("10.32.0.6/12")};
  bad.routes = {{.to = cidr("198.51.100.0/24"), .gateway = std::nullopt},
                {.to = cidr("192.0.2.0/24"), .gateway = Ipv4Addr::parse("10.47.255.255")}};
  CHECK_FALSE(attach_pod(bad));
  CHECK(host.in_pod("ip -4 addr; ip route") == before);
}

TEST_CASE("pod link: detach: interface, namespace or address gone already is a success") {
  if (!can_make_namespaces()) return;
  Host host;
  auto spec = host.spec();
  spec.addresses.push_back(cidr("10.32.0.6/12"));
  const auto link = attach_pod(spec).value();
  CHECK(detach_pod_address(spec.netns, "eth0", cidr("10.32.0.5/12")).value());
  CHECK_FALSE(detach_pod_address(spec.netns, "eth0", cidr("10.32.0.5/12")).value());
  CHECK(find_link(host.pod, "eth0"));
  CHECK(detach_pod_address(spec.netns, "eth0", cidr("10.32.0.6/12")).value());
  CHECK(find_link(host.pod, "eth0").error().code == Errc::not_found);
  REQUIRE(attach_pod(spec));
  CHECK(detach_pod(spec.netns, "eth0").value());
  CHECK_FALSE(detach_pod(spec.netns, "eth0").value());
  CHECK_FALSE(detach_pod("/run/netns/wf-no-such", "eth0").value());
  CHECK(find_link(host.nl, link.host_name).error().code == Errc::not_found);
  CHECK(pod_interfaces("/run/netns/wf-no-such", "weave").value().empty());
}

TEST_CASE("pod link: interfaces: another host's pod with equal numbers is not taken for ours") {
  if (!can_make_namespaces()) return;
  TestNs other_host("h2");
  TestNs other_pod("p2");
  // Made in the same order as ours, so that every interface gets the same number.
  auto attach_other = [&]() -> Result<PodLink> {
    auto bridge =
        ensure_bridge({.name = *PeerName::parse("7a:9f:eb:b6:0c:6e"), .mtu_if_new = 1376});
    if (!bridge) return bridge.error();
    return attach_pod({.netns = other_pod.path(),
                       .ifname = "eth0",
                       .host_name = host_link_name("fedcba9876543210"),
                       .addresses = {cidr("10.32.0.7/12")},
                       .routes = {}});
  };
  REQUIRE(run_in(other_host.open(), attach_other));
  Host host;
  REQUIRE(attach_pod(host.spec()));
  CHECK(pod_interfaces(host.pod_ns.path(), "weave")->size() == 1);
  CHECK(pod_interfaces(other_pod.path(), "weave")->empty());
  CHECK_FALSE(namespace_number(host.nl, other_pod.open()).value());
  CHECK(namespace_number(host.nl, host.pod_ns.open()).value());
}
