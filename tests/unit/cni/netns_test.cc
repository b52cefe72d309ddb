// SPDX-License-Identifier: Apache-2.0
// ADD, CHECK, DEL and GC against the kernel: a host namespace with a bridge, container namespaces,
// a scripted daemon and scripted IPAM plugins.
#include "plugin/cni/core/version.h"
#include "world.h"

using namespace weft;
using namespace weft::cni;

TEST_CASE("cni add: every version: link, address, default route, and a result that says so") {
  if (!can_make_namespaces()) return;
  for (SpecVersion version : kSpecVersions) {
    CAPTURE(text(version));
    World world;
    world.give_bridge("10.32.0.200/12");
    FakeDaemon daemon(world.socket());
    const std::string conf = config(std::string(text(version)));
    const Reply added = world.call("ADD", conf);
    REQUIRE_MESSAGE(added.exit_code == 0, added.out);
    const auto json = parse_reply(added);
    if (has_old_results(version)) {
      CHECK(json["ip4"]["ip"] == "10.32.0.1/12");
      CHECK(json["ip4"]["gateway"] == "10.32.0.200");
      CHECK(json["ip4"]["routes"][0]["dst"] == "0.0.0.0/0");
    } else {
      CHECK(json["ips"][0]["interface"] == 2);
      CHECK(json["interfaces"][0]["name"] == "weave");
      CHECK(json["interfaces"][1]["name"] == "vethwepl0123456");
      CHECK(json["interfaces"][2]["name"] == "eth0");
      CHECK(json["interfaces"][2]["sandbox"] == world.pod_ns.path());
      CHECK(json["routes"][0]["gw"] == "10.32.0.200");
    }
    CHECK(world.pod_has("eth0"));
    CHECK(world.ports() == std::vector<std::string>{"vethwepl0123456"});
    // Again: the same; then DEL twice.
    CHECK(world.call("ADD", conf).out == added.out);
    if (knows_check(version)) {
      const Reply checked = world.call("CHECK", with_prev(std::string(text(version)), json));
      CHECK_MESSAGE(checked.exit_code == 0, checked.out);
    }
    for (int repeat = 0; repeat < 2; ++repeat) {
      CHECK(world.call("DEL", conf).exit_code == 0);
      CHECK_FALSE(world.pod_has("eth0"));
      CHECK(world.ports().empty());
      CHECK(daemon.held().empty());
      CHECK(world.files("attached").empty());
    }
  }
}

TEST_CASE("cni add: a bridge without address is exposed first, once") {
  if (!can_make_namespaces()) return;
  World world;
  FakeDaemon daemon(world.socket());
  const auto json = parse_reply(world.call("ADD", config("1.0.0")));
  CHECK(json["ips"][0]["gateway"] == "10.32.0.2");
  CHECK(daemon.held().at("weave:expose") == "10.32.0.2/12");
  const auto requests = daemon.requests();
  CHECK(std::find(requests.begin(), requests.end(), "POST /expose/10.32.0.2/12") != requests.end());
}

TEST_CASE("cni add: failures after the allocation leave nothing behind") {
  if (!can_make_namespaces()) return;
  World world;
  FakeDaemon daemon(world.socket(), [](const io::HttpRequest& request) {
    const bool expose = request.segments.front() == "expose";
    return std::pair(FakeDaemon::Fate::normal,
                     expose ? std::optional(io::HttpResponse{.status = 500, .body = "no"})
                            : std::optional<io::HttpResponse>());
  });
  const Reply reply = world.call("ADD", config("1.0.0"));
  CHECK(parse_reply(reply)["code"] == 11);
  CHECK(daemon.held().count("0123456789abcdef") == 0);
  CHECK(world.ports().empty());
  CHECK_FALSE(world.pod_has("eth0"));
  CHECK(world.files("attached").empty());
  // No bridge.
  const Reply no_bridge = world.call("ADD", config("1.0.0", R"("bridge": "br7")"));
  CHECK(parse_reply(no_bridge)["code"] == 11);
  CHECK(daemon.held().count("0123456789abcdef") == 0);
}

TEST_CASE("cni add: an interface that is not ours is left alone, with a fault of its own") {
  if (!can_make_namespaces()) return;
  World world;
  world.give_bridge("10.32.0.200/12");
  FakeDaemon daemon(world.socket());
  auto inside = net::Netlink::open(world.pod_ns.open()).value();
  REQUIRE(net::create_veth(inside, {.name = "eth0", .peer_name = "other"}));
  CHECK(parse_reply(world.call("ADD", config("1.0.0")))["code"] == 104);
  CHECK(daemon.held().count("0123456789abcdef") == 0);
  CHECK(world.call("DEL", config("1.0.0")).exit_code == 0);
  CHECK(world.pod_has("eth0"));
}

TEST_CASE("cni add: MAC, MTU, routes and addresses are as asked for") {
  if (!can_make_namespaces()) return;
  World world;
  FakeDaemon daemon(world.socket());
  const std::string conf = config("1.1.0", R"("mtu": 1300, "hairpinMode": false,
      "capabilities": {"mac": true, "ips": true},
      "runtimeConfig": {"mac": "0e:00:00:00:00:77", "ips": ["10.32.3.3/12"]},
      "ipam": {"gateway": "10.32.0.9", "routes": [{"dst": "192.0.2.0/24"}]},
      "dns": {"nameservers": ["10.96.0.10"]})");
  const Reply added = world.call("ADD", conf);
  REQUIRE_MESSAGE(added.exit_code == 0, added.out);
  const auto json = parse_reply(added);
  CHECK(json["interfaces"][2]["mac"] == "0e:00:00:00:00:77");
  CHECK(json["interfaces"][2]["mtu"] == 1300);
  CHECK(json["ips"][0]["address"] == "10.32.3.3/12");
  CHECK(json["dns"]["nameservers"][0] == "10.96.0.10");
  CHECK(json["routes"].size() == 1);
  const auto routes = world.pod_routes();
  CHECK(std::none_of(routes.begin(), routes.end(), [](const auto& r) { return r.is_default(); }));
  CHECK(net::port_hairpin(world.nl, "vethwepl0123456").value() == false);
}

TEST_CASE("cni add: two interfaces in one container, and each DEL removes its own") {
  if (!can_make_namespaces()) return;
  World world;
  world.give_bridge("10.32.0.200/12");
  FakeDaemon daemon(world.socket());
  CHECK(world.call("ADD", config("1.0.0")).exit_code == 0);
  world.variables["CNI_IFNAME"] = "net1";
  const Reply second = world.call("ADD", config("1.0.0", R"("defaultRoute": false)"));
  CHECK_MESSAGE(second.exit_code == 0, second.out);
  CHECK(world.ports().size() == 2);
  CHECK(daemon.held().size() == 2);
  CHECK(world.call("DEL", config("1.0.0")).exit_code == 0);
  CHECK(world.pod_has("eth0"));
  CHECK_FALSE(world.pod_has("net1"));
  CHECK(daemon.held().count("0123456789abcdef") == 1);
}

TEST_CASE("cni add: after another main plugin we add ethwe and leave its default route alone") {
  if (!can_make_namespaces()) return;
  World world;
  FakeDaemon daemon(world.socket());
  const auto prev = nlohmann::json::parse(R"({"cniVersion": "1.0.0",
      "interfaces": [{"name": "eth0", "sandbox": "/run/netns/x"}],
      "ips": [{"address": "192.0.2.5/24", "interface": 0}],
      "routes": [{"dst": "0.0.0.0/0", "gw": "192.0.2.1"}]})");
  const Reply added = world.call("ADD", with_prev("1.0.0", prev));
  REQUIRE_MESSAGE(added.exit_code == 0, added.out);
  const auto json = parse_reply(added);
  CHECK(json["interfaces"].size() == 4);
  CHECK(json["interfaces"][3]["name"] == "ethwe");
  CHECK(json["ips"].size() == 2);
  CHECK(json["ips"][1]["interface"] == 3);
  CHECK(json["routes"].size() == 1);
  CHECK(world.pod_has("ethwe"));
  CHECK(world.call("CHECK", with_prev("1.0.0", json)).exit_code == 0);
  CHECK(world.call("DEL", with_prev("1.0.0", json)).exit_code == 0);
  CHECK_FALSE(world.pod_has("ethwe"));
}

TEST_CASE("cni check: whatever is missing is found") {
  if (!can_make_namespaces()) return;
  World world;
  world.give_bridge("10.32.0.200/12");
  FakeDaemon daemon(world.socket());
  const auto json = parse_reply(world.call("ADD", config("1.0.0")));
  const std::string conf = with_prev("1.0.0", json);
  REQUIRE(world.call("CHECK", conf).exit_code == 0);
  auto broken = [&](const std::string& word) {
    const Reply reply = world.call("CHECK", conf);
    CHECK(parse_reply(reply)["code"] == 103);
    CHECK_MESSAGE(reply.out.find(word) != std::string::npos, reply.out);
  };
  daemon.hold("0123456789abcdef", "10.32.0.99/12");
  broken("does not hold");
  daemon.hold("0123456789abcdef", "10.32.0.1/12");
  auto host = net::find_link(world.nl, "vethwepl0123456").value();
  REQUIRE(net::set_link_master(world.nl, host.index, {}));
  broken("not plugged");
  REQUIRE(net::set_link_master(world.nl, host.index, net::find_link(world.nl, "weave")->index));
  auto inside = net::Netlink::open(world.pod_ns.open()).value();
  auto eth0 = net::find_link(inside, "eth0").value();
  for (const auto& route : world.pod_routes()) {
    if (route.is_default()) REQUIRE(net::delete_route(inside, route));
  }
  broken("route");
  REQUIRE(net::delete_addr(inside, eth0.index, *Cidr::parse("10.32.0.1/12")));
  broken("address");
  REQUIRE(net::set_link_down(inside, eth0.index));
  broken("down");
  REQUIRE(net::delete_link(inside, eth0.index));
  broken("gone");
}

TEST_CASE("cni del: with the namespace gone, the daemon gone, or both, nothing stays") {
  if (!can_make_namespaces()) return;
  for (const bool with_path : {true, false}) {
    World world;
    world.give_bridge("10.32.0.200/12");
    std::optional<FakeDaemon> daemon(std::in_place, world.socket());
    REQUIRE(world.call("ADD", config("1.0.0")).exit_code == 0);
    daemon.reset();
    // Somebody keeps the namespace alive, so the link would stay, too.
    const net::NetNs keeper = world.pod_ns.open();
    if (with_path) {
      world.pod_ns.remove();
    } else {
      world.variables.erase("CNI_NETNS");
    }
    CHECK(world.call("DEL", config("1.0.0")).exit_code == 0);
    CHECK(world.ports().empty());
    CHECK(world.files("attached").empty());
    CHECK(world.files("pending").size() == 1);
  }
}

TEST_CASE("cni del: a CNI_NETNS that is the host's own costs the host nothing") {
  if (!can_make_namespaces()) return;
  World world;
  FakeDaemon daemon(world.socket());
  REQUIRE(net::create_veth(world.nl, {.name = "eth0", .peer_name = "other"}));
  world.variables["CNI_NETNS"] = world.host_ns.path();
  CHECK(world.call("DEL", config("1.0.0")).exit_code == 0);
  CHECK(world.ports().size() == 2);
}

TEST_CASE("cni gc: links and addresses of containers that are gone are removed, others stay") {
  if (!can_make_namespaces()) return;
  World world;
  world.give_bridge("10.32.0.200/12");
  FakeDaemon daemon(world.socket());
  REQUIRE(world.call("ADD", config("1.1.0")).exit_code == 0);
  TestNs second("q");
  world.variables["CNI_NETNS"] = second.path();
  world.variables["CNI_CONTAINERID"] = "fedcba9876543210";
  REQUIRE(world.call("ADD", config("1.1.0")).exit_code == 0);
  const std::string list = R"("cni.dev/valid-attachments":
      [{"containerID": "fedcba9876543210", "ifname": "eth0"}])";
  CHECK(world.call("GC", config("1.1.0", list)).exit_code == 0);
  CHECK(world.ports() == std::vector<std::string>{"vethweplfedcba9"});
  CHECK(daemon.held().count("0123456789abcdef") == 0);
  CHECK(daemon.held().count("fedcba9876543210") == 1);
}

TEST_CASE("cni delegate: another IPAM plugin is given our configuration, and undone on failure") {
  if (!can_make_namespaces()) return;
  World world;
  world.give_bridge("10.32.0.200/12");
  FakeDaemon daemon(world.socket());
  world.write_plugin("fake-ipam", R"([ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion": "1.0.0",
      "ips": [{"address": "10.50.0.2/24", "gateway": "10.50.0.1"}],
      "routes": [{"dst": "0.0.0.0/0"}]}' || true)");
  const std::string conf = config("1.0.0", R"("ipam": {"type": "fake-ipam", "x": 1})");
  const Reply added = world.call("ADD", conf);
  REQUIRE_MESSAGE(added.exit_code == 0, added.out);
  CHECK(parse_reply(added)["ips"][0]["address"] == "10.50.0.2/24");
  CHECK(parse_reply(added)["routes"][0]["gw"] == "10.50.0.1");
  CHECK(world.read("fake-ipam.stdin") == conf);
  CHECK(daemon.held().empty());
  CHECK(world.call("DEL", conf).exit_code == 0);
  CHECK(world.read("fake-ipam.calls") == "ADD\nDEL\n");
  // A failure after the delegate's ADD.
  const std::string no_bridge =
      config("1.0.0", R"("bridge": "br7", "ipam": {"type": "fake-ipam"})");
  CHECK(world.call("ADD", no_bridge).exit_code == 1);
  CHECK(world.read("fake-ipam.calls") == "ADD\nDEL\nADD\nDEL\n");
}

TEST_CASE("cni delegate: failures: missing, failing with a code, printing rubbish, hanging") {
  if (!can_make_namespaces()) return;
  World world;
  world.timeouts.delegate = std::chrono::milliseconds(300);
  auto add = [&](const std::string& type) {
    return parse_reply(world.call("ADD", config("1.0.0", R"("ipam": {"type": ")" + type + "\"}")));
  };
  CHECK(add("no-such-plugin")["code"] == 102);
  CHECK(add("../escape")["code"] == 102);
  world.write_plugin("coded", R"(echo '{"code": 42, "msg": "no more"}'; exit 1)");
  CHECK(add("coded")["code"] == 42);
  CHECK(std::string(add("coded")["msg"]).find("no more") != std::string::npos);
  world.write_plugin("rubbish", "echo rubbish");
  CHECK(add("rubbish")["code"] == 102);
  world.write_plugin("crash", "kill -SEGV $$");
  CHECK(add("crash")["code"] == 102);
  world.write_plugin("hang", "sleep 60");
  CHECK(add("hang")["code"] == 11);
  CHECK(world.ports().empty());
}
