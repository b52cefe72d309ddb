// SPDX-License-Identifier: Apache-2.0
// The pure parts of the plugin: environment, configuration, versions, results, names.
#include <map>

#include <doctest/doctest.h>

#include "base/json/json.h"
#include "plugin/cni/core/config.h"
#include "plugin/cni/core/naming.h"
#include "plugin/cni/core/plan.h"

using namespace weft;
using namespace weft::cni;

namespace {

using Variables = std::map<std::string, std::string>;

Outcome<Environment> environment(const Variables& variables) {
  return read_environment([&](std::string_view name) -> std::optional<std::string> {
    auto at = variables.find(std::string(name));
    return at == variables.end() ? std::nullopt : std::optional(at->second);
  });
}

Variables complete(const std::string& verb) {
  return {{"CNI_COMMAND", verb},
          {"CNI_CONTAINERID", "0123456789abcdef"},
          {"CNI_NETNS", "/run/netns/x"},
          {"CNI_IFNAME", "eth0"},
          {"CNI_PATH", "/opt/cni/bin:/usr/lib/cni"}};
}

unsigned code_of(const Fault& fault) {
  return static_cast<unsigned>(fault.code);
}

Outcome<ParsedConf> parse(const std::string& text, Verb verb = Verb::add) {
  Environment env{.verb = verb};
  return parse_config(text, env);
}

NetConf good(const std::string& text) {
  auto parsed = parse(text);
  REQUIRE(parsed);
  REQUIRE_MESSAGE(!parsed->fault, (parsed->fault ? parsed->fault->msg : ""));
  return parsed->conf;
}

// What a configuration that can be decoded is blamed for.
std::string blame(const std::string& fields) {
  auto parsed = parse(R"({"name": "n", )" + fields + "}");
  REQUIRE(parsed);
  REQUIRE(parsed->fault);
  CHECK(code_of(*parsed->fault) == 7);
  return parsed->fault->msg;
}

CniResult sample() {
  return {.interfaces = {{.name = "weave", .mac = "7a:00:00:00:00:01"},
                         {.name = "eth0",
                          .mac = "0e:33:b1:54:9a:0d",
                          .sandbox = "/run/netns/x",
                          .mtu = 1376}},
          .ips = {{.address = "10.32.0.5/12", .gateway = "10.32.0.1", .interface = 1},
                  {.address = "fd00::5/64", .gateway = "", .interface = 1}},
          .routes = {{.dst = "0.0.0.0/0", .gw = "10.32.0.1"}, {.dst = "::/0", .gw = "fd00::1"}},
          .dns = {.nameservers = {"10.96.0.10"}, .domain = "", .search = {}, .options = {}}};
}

}  // namespace

TEST_CASE("cni environment: ADD: everything that is given is read") {
  Variables variables = complete("ADD");
  variables["CNI_ARGS"] = "IgnoreUnknown=1;IP=10.32.0.9;MAC=0e:00:00:00:00:01;K8S_POD_NAME=p";
  auto env = environment(variables);
  REQUIRE(env);
  CHECK(env->verb == Verb::add);
  CHECK(env->container_id == "0123456789abcdef");
  CHECK(env->path == std::vector<std::string>{"/opt/cni/bin", "/usr/lib/cni"});
  CHECK(env->arg_ip == "10.32.0.9");
  CHECK(env->arg_mac == "0e:00:00:00:00:01");
}

TEST_CASE("cni environment: missing and malformed variables are refused with code 4") {
  struct Row {
    const char* verb;
    const char* variable;
    const char* value;  // nullptr: not set
    bool accepted;
  };
  const Row rows[] = {
      {"ADD", "CNI_COMMAND", nullptr, false},
      {"ADD", "CNI_COMMAND", "add", false},
      {"ADD", "CNI_CONTAINERID", nullptr, false},
      {"ADD", "CNI_CONTAINERID", "../../etc", false},
      {"ADD", "CNI_CONTAINERID", "-x", false},
      {"ADD", "CNI_NETNS", nullptr, false},
      {"ADD", "CNI_IFNAME", nullptr, false},
      {"ADD", "CNI_IFNAME", "..", false},
      {"ADD", "CNI_IFNAME", "a/b", false},
      {"ADD", "CNI_IFNAME", "a:b", false},
      {"ADD", "CNI_IFNAME", "sixteen-letters-", false},
      {"ADD", "CNI_IFNAME", "fifteen-letters", true},
      {"ADD", "CNI_PATH", nullptr, true},
      {"ADD", "CNI_ARGS", "nonsense", false},
      {"CHECK", "CNI_NETNS", nullptr, false},
      {"DEL", "CNI_NETNS", nullptr, true},
      {"DEL", "CNI_CONTAINERID", nullptr, false},
      {"GC", "CNI_CONTAINERID", nullptr, true},
      {"STATUS", "CNI_IFNAME", nullptr, true},
      {"VERSION", "CNI_CONTAINERID", nullptr, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.verb);
    CAPTURE(row.variable);
    Variables variables = complete(row.verb);
    variables.erase(row.variable);
    if (row.value != nullptr) variables[row.variable] = row.value;
    auto env = environment(variables);
    CHECK(bool(env) == row.accepted);
    if (!env) {
      CHECK(code_of(env.fault()) == 4);
      CHECK(env.fault().msg.find(row.variable) != std::string::npos);
    }
  }
  Variables variables = complete("ADD");
  variables["CNI_CONTAINERID"] = std::string(kContainerIdMax + 1, 'a');
  CHECK_FALSE(environment(variables));
}

TEST_CASE("cni role: the end of the program's name decides") {
  CHECK(role_of("/opt/cni/bin/weave-ipam") == Role::ipam);
  CHECK(role_of("/opt/cni/bin/weave-net") == Role::network);
  CHECK(role_of("weave-plugin-2.8.1") == Role::network);
}

TEST_CASE("cni config: limits: what is too big, too deep or broken is refused with code 6") {
  CHECK(code_of(parse(std::string(kJsonTextMax + 1, ' ')).fault()) == 6);
  CHECK(code_of(parse(std::string(900'000, '[')).fault()) == 6);
  CHECK(code_of(parse(R"({"name": ")" + std::string("\xff\xfe") + "\"}").fault()) == 6);
  for (const char* text : {"", "{", "[]", "null", "7", R"({"name": "x"} trailing)", "{\"a\":}"}) {
    CAPTURE(text);
    CHECK(code_of(parse(text).fault()) == 6);
  }
  auto nested = [](std::size_t depth) {
    return R"({"name": "n", "x": )" + std::string(depth - 1, '[') + std::string(depth - 1, ']') +
           "}";
  };
  CHECK(parse(nested(kJsonDepthMax)));
  CHECK_FALSE(parse(nested(kJsonDepthMax + 1)));
  // Brackets in strings are no nesting.
  CHECK(parse(R"({"name": "n", "x": "\")" + std::string(100, '[') + "\"}"));
}

TEST_CASE("cni config: version: all of the table are known, others get code 1 with the list") {
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    auto parsed = parse(std::string(R"({"name": "n", "cniVersion": ")") + version + "\"}");
    REQUIRE(parsed);
    CHECK(text(parsed->conf.version) == version);
  }
  CHECK(good(R"({"name": "n"})").version == SpecVersion::v0_1_0);
  for (const char* version : {"0.0.9", "1.2.0", "2.0.0", "latest"}) {
    auto parsed = parse(std::string(R"({"name": "n", "cniVersion": ")") + version + "\"}");
    REQUIRE_FALSE(parsed);
    CHECK(code_of(parsed.fault()) == 1);
    CHECK(parsed.fault().msg == "incompatible CNI versions");
    CHECK(parsed.fault().details.find("0.1.0 0.2.0") != std::string::npos);
  }
  CHECK(code_of(parse(R"({"name": "n", "cniVersion": 1})").fault()) == 6);
}

TEST_CASE("cni config: version: a verb that the version does not have is refused with code 1") {
  struct Row {
    Verb verb;
    const char* version;
    bool accepted;
  };
  for (const Row& row : {Row{Verb::check, "0.3.1", false}, Row{Verb::check, "0.4.0", true},
                         Row{Verb::gc, "1.0.0", false}, Row{Verb::gc, "1.1.0", true},
                         Row{Verb::status, "1.0.0", false}, Row{Verb::status, "1.1.0", true},
                         Row{Verb::del, "0.1.0", true}}) {
    auto parsed =
        parse(std::string(R"({"name": "n", "cniVersion": ")") + row.version + "\"}", row.verb);
    CAPTURE(row.version);
    CHECK(bool(parsed) == row.accepted);
    if (!parsed) CHECK(code_of(parsed.fault()) == 1);
  }
}

TEST_CASE("cni config: fields: defaults are Weave's, and what is given is taken") {
  const NetConf plain = good(R"({"name": "weave", "type": "weave-net"})");
  CHECK(plain.bridge == "weave");
  CHECK(plain.hairpin);
  CHECK(plain.mtu == 0);
  CHECK(plain.default_route);
  CHECK_FALSE(plain.ipam.delegated());

  const NetConf full = good(R"({
    "cniVersion": "1.0.0", "name": "n", "bridge": "br1", "mtu": 1400, "hairpinMode": false,
    "isGateway": false, "weaveHttpAddr": "/run/w.sock", "defaultRoute": false,
    "ipam": {"type": "weave-ipam", "subnet": "10.40.0.0/16", "gateway": "10.40.0.1",
             "routes": [{"dst": "192.0.2.0/24"}, {"dst": "0.0.0.0/0", "gw": "10.40.0.9"}]},
    "runtimeConfig": {"mac": "0e:00:00:00:00:02", "ips": ["10.40.0.7", "10.40.0.8/16"],
                      "dns": {"servers": ["10.96.0.10"], "searches": ["a"], "options": ["b"]}},
    "args": {"cni": {"mac": "0e:00:00:00:00:03"}}})");
  CHECK(full.bridge == "br1");
  CHECK(full.mtu == 1400);
  CHECK_FALSE(full.hairpin);
  CHECK_FALSE(full.default_route);
  CHECK(full.http_addr == "/run/w.sock");
  CHECK_FALSE(full.ipam.delegated());
  CHECK(full.ipam.subnet->text() == "10.40.0.0/16");
  CHECK(full.ipam.gateway->text() == "10.40.0.1");
  REQUIRE(full.ipam.routes.size() == 2);
  CHECK_FALSE(full.ipam.routes[0].gw);
  REQUIRE(full.ips.size() == 2);
  CHECK_FALSE(full.ips[0].cidr);
  CHECK(full.ips[1].cidr->text() == "10.40.0.8/16");
  CHECK(full.mac->text() == "0e:00:00:00:00:02");
  CHECK(full.dns.nameservers == std::vector<std::string>{"10.96.0.10"});
  CHECK(full.dns.search == std::vector<std::string>{"a"});
}

TEST_CASE("cni config: fields: what makes no sense is named, with code 7") {
  CHECK(blame(R"("mtu": "big")").find("mtu") != std::string::npos);
  CHECK(blame(R"("mtu": 65536)").find("mtu") != std::string::npos);
  CHECK(blame(R"("mtu": -1)").find("mtu") != std::string::npos);
  CHECK(blame(R"("mtu": 18446744073709551615)").find("mtu") != std::string::npos);
  CHECK(blame(R"("isGateway": true)").find("isGateway") != std::string::npos);
  CHECK(blame(R"("ipMasq": true)").find("ipMasq") != std::string::npos);
  CHECK(blame(R"("bridge": "a/b")").find("bridge") != std::string::npos);
  CHECK(blame(R"("ipam": [])").find("ipam") != std::string::npos);
  CHECK(blame(R"("ipam": {"subnet": "10.32.0.1/12"})").find("ipam.subnet") != std::string::npos);
  CHECK(blame(R"("ipam": {"routes": [{"dst": "fd00::/8"}]})").find("dst") != std::string::npos);
  CHECK(blame(R"("ipam": {"gateway": "x"})").find("ipam.gateway") != std::string::npos);
  CHECK(blame(R"("runtimeConfig": {"ips": ["fd00::1"]})").find("ips") != std::string::npos);
  CHECK(blame(R"("runtimeConfig": {"mac": "01:00:00:00:00:00"})").find("mac") != std::string::npos);
  CHECK(blame(R"("prevResult": {"ips": [{"interface": 3, "address": "1.2.3.4/8"}]})")
            .find("interface") != std::string::npos);
  CHECK(blame(R"("cni.dev/valid-attachments": [7])").find("valid") != std::string::npos);
  auto nameless = parse("{}");
  REQUIRE(nameless);
  CHECK(nameless->fault);
}

TEST_CASE("cni config: delegated IPAM: the delegate's own fields are none of our business") {
  const NetConf conf =
      good(R"({"name": "n", "ipam": {"type": "host-local", "subnet": "fd00::/64", "routes": 7}})");
  CHECK(conf.ipam.delegated());
}

TEST_CASE("cni config: GC: the list is read under both of its names") {
  const char* list = R"([{"containerID": "a", "ifname": "eth0"}, {"containerID": "b",
                          "ifname": "net1"}])";
  for (const char* key : {"cni.dev/valid-attachments", "cni.dev/attachments"}) {
    const NetConf conf = good(std::string(R"({"name": "n", ")") + key + "\": " + list + "}");
    REQUIRE(conf.valid_attachments);
    CHECK(*conf.valid_attachments == std::set<Attachment>{{"a", "eth0"}, {"b", "net1"}});
  }
  CHECK_FALSE(good(R"({"name": "n"})").valid_attachments);
  CHECK(good(R"({"name": "n", "cni.dev/valid-attachments": []})").valid_attachments->empty());
}

TEST_CASE("cni version: VERSION answers in the version asked, or in the newest") {
  CHECK(version_reply(R"({"cniVersion": "0.4.0"})")["cniVersion"] == "0.4.0");
  CHECK(version_reply("")["cniVersion"] == "1.1.0");
  CHECK(version_reply(R"({"cniVersion": "9.9.9"})")["cniVersion"] == "1.1.0");
  CHECK(version_reply("[[[[")["supportedVersions"].size() == 7);
}

TEST_CASE("cni result: shapes: up to 0.2.0 one address of each family, with its routes") {
  for (SpecVersion version : {SpecVersion::v0_1_0, SpecVersion::v0_2_0}) {
    const Json json = to_json(sample(), version);
    CHECK(json["cniVersion"] == text(version));
    CHECK(json["ip4"] == Json::parse(R"({"ip": "10.32.0.5/12", "gateway": "10.32.0.1",
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.32.0.1"}]})"));
    CHECK(json["ip6"]["ip"] == "fd00::5/64");
    CHECK_FALSE(json.contains("ips"));
    CHECK_FALSE(json.contains("interfaces"));
    CHECK(json["dns"]["nameservers"][0] == "10.96.0.10");
  }
}

TEST_CASE("cni result: shapes: from 0.3.0 lists, with the family named before 1.0.0 only") {
  for (SpecVersion version : kSpecVersions) {
    if (has_old_results(version)) continue;
    const Json json = to_json(sample(), version);
    const bool old = version < SpecVersion::v1_0_0;
    CHECK(json["ips"][0].contains("version") == old);
    if (old) CHECK(json["ips"][0]["version"] == "4");
    if (old) CHECK(json["ips"][1]["version"] == "6");
    CHECK(json["ips"][0]["interface"] == 1);
    CHECK(json["interfaces"][1]["sandbox"] == "/run/netns/x");
    CHECK(json["interfaces"][1].contains("mtu") == (version == SpecVersion::v1_1_0));
    CHECK(json["routes"].size() == 2);
  }
}

TEST_CASE("cni result: parsing what was printed gives the same value, but for what a shape lacks") {
  for (SpecVersion version : kSpecVersions) {
    CniResult expected = sample();
    if (version < SpecVersion::v1_1_0) expected.interfaces[1].mtu.reset();
    if (has_old_results(version)) {
      expected.interfaces.clear();
      for (ResultIp& ip : expected.ips)
        ip.interface.reset();
    }
    auto parsed = parse_result(to_json(expected, version), "");
    REQUIRE(parsed);
    CHECK(*parsed == expected);
  }
}

TEST_CASE("cni result: a fault is printed with code, message and details") {
  const Json json =
      to_json(Fault{FaultCode::try_again, "no \xff answer", "start it"}, SpecVersion::v0_2_0);
  CHECK(json["code"] == 11);
  CHECK(json["details"] == "start it");
  CHECK(json["cniVersion"] == "0.2.0");
  CHECK(print(json).find("answer") != std::string::npos);
}

TEST_CASE("cni naming: idents and links of different attachments differ") {
  CHECK(ident_of({"abc", "eth0"}) == "abc");
  CHECK(ident_of({"abc", "net1"}) == "abc:net1");
  CHECK(host_link_of({"0123456789", "eth0"}) == "vethwepl0123456");
  CHECK(host_link_of({"0123456789", "net1"}) != host_link_of({"0123456789", "eth0"}));
  CHECK(host_link_of({"cnitool-1", "eth0"}) != host_link_of({"cnitool-2", "eth0"}));
  CHECK(host_link_of({"p1", "eth0"}).size() == 15);
}

TEST_CASE("cni plan: routes: the default route is ours unless somebody has it") {
  const IpamOutcome ipam{
      .addresses = {*Cidr::parse("10.32.0.5/12")}, .gateway = {}, .routes = {}, .dns = {}};
  const auto bridge = Ipv4Addr::parse("10.32.0.1");
  NetConf conf = good(R"({"name": "n"})");
  CHECK(needs_bridge_gateway(conf, ipam));
  CHECK(plan_pod(conf, ipam, bridge).gateway == bridge);

  conf.default_route = false;
  CHECK_FALSE(needs_bridge_gateway(conf, ipam));
  CHECK_FALSE(plan_pod(conf, ipam, std::nullopt).gateway);

  conf.default_route = true;
  conf.prev_result = CniResult{.routes = {{.dst = "0.0.0.0/0", .gw = "192.0.2.1"}}};
  CHECK_FALSE(needs_bridge_gateway(conf, ipam));

  NetConf routed = good(R"({"name": "n", "ipam": {"gateway": "10.32.0.7",
      "routes": [{"dst": "192.0.2.0/24"}, {"dst": "198.51.100.0/24", "gw": "10.32.0.8"}]}})");
  const IpamOutcome with_routes = built_in_outcome(routed, ipam.addresses);
  CHECK_FALSE(needs_bridge_gateway(routed, with_routes));
  const PodPlan plan = plan_pod(routed, with_routes, std::nullopt);
  CHECK_FALSE(plan.gateway);
  REQUIRE(plan.routes.size() == 2);
  CHECK(plan.routes[0].gw->text() == "10.32.0.7");
  CHECK(plan.routes[1].gw->text() == "10.32.0.8");
}

TEST_CASE("cni plan: chaining: after another main plugin we take a second interface") {
  Environment env{.verb = Verb::add, .ifname = "eth0"};
  NetConf conf = good(R"({"name": "n"})");
  CHECK(interface_name(conf, env) == "eth0");
  conf.prev_result = sample();
  CHECK(interface_name(conf, env) == "ethwe");
  env.ifname = "net1";
  CHECK(interface_name(conf, env) == "net1");

  const IpamOutcome ipam = built_in_outcome(conf, {*Cidr::parse("10.32.0.9/12")});
  const CniResult result = network_result(
      conf, ipam, plan_pod(conf, ipam, std::nullopt),
      {.bridge = {.name = "weave"}, .host = {.name = "h"}, .pod = {.name = "ethwe"}});
  CHECK(result.interfaces.size() == 5);
  CHECK(result.ips.back().interface == 4);
  CHECK(result.interfaces[4].name == "ethwe");
  CHECK(result.routes.size() == 2);
}

TEST_CASE("cni plan: delegates: no address, or one that is not IPv4, is a fault of the delegate") {
  CHECK_FALSE(delegated_outcome(CniResult{}, "x"));
  CniResult six;
  six.ips.push_back({.address = "fd00::1/64", .gateway = "", .interface = {}});
  CHECK(code_of(delegated_outcome(six, "x").fault()) == 102);
  CniResult four;
  four.ips.push_back({.address = "10.1.0.2/24", .gateway = "10.1.0.1", .interface = {}});
  four.routes.push_back({.dst = "0.0.0.0/0", .gw = ""});
  auto outcome = delegated_outcome(four, "x");
  REQUIRE(outcome);
  const PodPlan plan = plan_pod(good(R"({"name": "n"})"), *outcome, std::nullopt);
  CHECK(plan.gateway->text() == "10.1.0.1");
}
