// SPDX-License-Identifier: Apache-2.0
// Every verb in every version of the specification under every failure: the code, the shape of what
// is printed, and that nothing is left.
#include <algorithm>
#include <iterator>

#include "cutting_daemon.h"
#include "plugin/cni/core/version.h"
#include "world.h"

using namespace weft;
using namespace weft::cni;

namespace {

using Fate = FakeDaemon::Fate;
using nlohmann::json;

constexpr const char* kIdent = "0123456789abcdef";
constexpr std::array kVerbs{"ADD", "DEL", "CHECK", "GC", "STATUS"};

// One world for the whole table, with a daemon that is well or not.
struct Table : World {
  std::optional<FakeDaemon> daemon;
  std::optional<CuttingDaemon> cutting;

  Table() {
    give_bridge("10.32.0.200/12");
    write_plugin("good-ipam", R"([ $CNI_COMMAND != ADD ] ||
        echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.50.0.2/24"}]}')");
    write_plugin("bad-ipam", R"(echo '{"code": 42, "msg": "no more"}'; exit 1)");
    write_plugin("crashing-ipam", "kill -SEGV $$");
  }
  // Who waits for a silent daemon gives up soon; for one that answers nobody does.
  void be_patient(bool patient) {
    for (Duration* t : {&timeouts.allocate, &timeouts.call, &timeouts.status_total,
                        &timeouts.rollback_total, &timeouts.catch_up})
      *t = patient ? std::chrono::milliseconds(10'000) : std::chrono::milliseconds(100);
  }
  void well() {
    be_patient(true);
    cutting.reset();
    daemon.reset();
    daemon.emplace(socket());
    variables["CNI_NETNS"] = pod_ns.path();
    variables["CNI_IFNAME"] = "eth0";
    variables["WEAVE_HTTP_ADDR"] = socket();
  }
  void ill(const FakeDaemon::Script& script) {
    const auto held = daemon->held();
    daemon.reset();
    daemon.emplace(socket(), script);
    for (const auto& [ident, cidr] : held)
      daemon->hold(ident, cidr);
  }
  void cut(std::string_view beginning) {
    daemon.reset();
    cutting.emplace(socket(), beginning);
  }
};

FakeDaemon::Script to(const std::string& method, Fate fate,
                      std::optional<io::HttpResponse> answer = {}) {
  return [=](const io::HttpRequest& request) {
    const bool meant = method.empty() || request.method == method;
    return std::pair(meant ? fate : Fate::normal,
                     meant ? answer : std::optional<io::HttpResponse>());
  };
}

struct Blow {
  const char* name;
  std::function<void(Table&)> strike = [](Table&) {
  };
  // ADD, DEL, CHECK, GC, STATUS; 0: success.
  std::array<int, 5> codes{};
  std::string fields{};                // more of the configuration
  std::optional<std::string> input{};  // instead of a configuration
  bool silent = false;                 // the daemon does not answer
  bool before_version = false;         // found before it is asked whether the version has the verb
};

std::vector<Blow> failures_of_the_daemon() {
  const auto reply = [](unsigned status, const char* body) {
    return std::optional(io::HttpResponse{.status = status, .body = body});
  };
  const std::string ips = R"("runtimeConfig": {"ips": ["10.32.3.3/12"]})";
  return {
      {.name = "none", .codes = {0, 0, 0, 0, 0}},
      {.name = "daemon down",
       .strike = [](Table& t) { t.daemon.reset(); },
       .codes = {11, 0, 11, 0, 51}},
      {.name = "daemon slow",
       .strike = [](Table& t) { t.ill(to("", Fate::silence)); },
       .codes = {11, 0, 11, 0, 51},
       .silent = true},
      {.name = "daemon fails",
       .strike = [=](Table& t) { t.ill(to("", Fate::normal, reply(500, "boom"))); },
       .codes = {11, 0, 11, 0, 50}},
      {.name = "daemon dies in the reply's head",
       .strike = [](Table& t) { t.cut("HTTP/1.1 200 OK\r\nContent-Le"); },
       .codes = {11, 0, 11, 0, 51}},
      {.name = "daemon dies in the reply's body",
       .strike = [](Table& t) { t.cut("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n10.32."); },
       .codes = {11, 0, 11, 0, 51}},
      {.name = "daemon dies once it has allocated",
       .strike = [](Table& t) { t.ill(to("POST", Fate::hang_up)); },
       .codes = {11, 0, 0, 0, 0},
       .silent = true},
      {.name = "daemon has no ring",
       .strike = [=](Table& t) { t.ill(to("GET", Fate::normal, reply(503, "no ring"))); },
       .codes = {11, 0, 11, 0, 50}},
      {.name = "no address allocation",
       .strike = [=](Table& t) { t.ill(to("", Fate::normal, reply(404, "404 page not found"))); },
       .codes = {101, 0, 101, 0, 50}},
      {.name = "range full: nobody answers",
       .strike = [](Table& t) { t.ill(to("POST", Fate::silence)); },
       .codes = {11, 0, 0, 0, 0},
       .silent = true},
      {.name = "duplicate: the address is another's",
       .strike = [=](Table& t) { t.ill(to("PUT", Fate::normal, reply(409, "owned by b"))); },
       .codes = {101, 0, 0, 0, 0},
       .fields = ips},
  };
}

std::vector<Blow> failures_of_others() {
  const std::string huge = R"({"name": ")" + std::string(2 << 20, 'x') + "\"}";
  const std::string deep = R"({"name": "n", "x": )" + std::string(100'000, '[');
  return {
      {.name = "namespace gone",
       .strike = [](Table& t) { t.variables["CNI_NETNS"] = "/run/netns/wf-c-none"; },
       .codes = {3, 0, 3, 0, 0}},
      {.name = "namespace is the host's",
       .strike = [](Table& t) { t.variables["CNI_NETNS"] = t.host_ns.path(); },
       .codes = {4, 0, 103, 0, 0}},
      {.name = "no such bridge", .codes = {11, 0, 103, 0, 51}, .fields = R"("bridge": "br7")"},
      {.name = "delegate fails",
       .codes = {42, 42, 42, 42, 42},
       .fields = R"("ipam": {"type": "bad-ipam"})"},
      {.name = "delegate crashes",
       .codes = {102, 102, 102, 102, 102},
       .fields = R"("ipam": {"type": "crashing-ipam"})"},
      {.name = "delegate is missing",
       .codes = {102, 102, 102, 102, 102},
       .fields = R"("ipam": {"type": "no-ipam"})"},
      {.name = "configuration makes no sense",
       .codes = {7, 0, 7, 7, 7},
       .fields = R"("mtu": "big")"},
      {.name = "daemon's address malformed",
       .strike = [](Table& t) { t.variables["WEAVE_HTTP_ADDR"] = "not an address"; },
       .codes = {4, 0, 4, 4, 4}},
      {.name = "daemon's address malformed in the configuration",
       .strike = [](Table& t) { t.variables.erase("WEAVE_HTTP_ADDR"); },
       .codes = {7, 0, 7, 7, 7},
       .fields = R"("weaveHttpAddr": "x y")"},
      {.name = "interface name malformed",
       .strike = [](Table& t) { t.variables["CNI_IFNAME"] = "a/b"; },
       .codes = {4, 4, 4, 0, 0},
       .before_version = true},
      {.name = "stdin empty", .codes = {6, 6, 6, 6, 6}, .input = "", .before_version = true},
      {.name = "stdin malformed", .codes = {6, 6, 6, 6, 6}, .input = "{", .before_version = true},
      {.name = "stdin no object", .codes = {6, 6, 6, 6, 6}, .input = "[]", .before_version = true},
      {.name = "stdin huge", .codes = {6, 6, 6, 6, 6}, .input = huge, .before_version = true},
      {.name = "stdin deeply nested",
       .codes = {6, 6, 6, 6, 6},
       .input = deep,
       .before_version = true},
      {.name = "version unknown",
       .codes = {1, 1, 1, 1, 1},
       .input = R"({"name": "n", "cniVersion": "7.0.0"})",
       .before_version = true},
  };
}

std::vector<Blow> failures() {
  std::vector<Blow> all = failures_of_the_daemon();
  std::ranges::move(failures_of_others(), std::back_inserter(all));
  return all;
}

bool has_verb(SpecVersion version, std::string_view verb) {
  if (verb == "CHECK") return knows_check(version);
  if (verb == "GC" || verb == "STATUS") return knows_gc_and_status(version);
  return true;
}

// What is printed for a failure: these fields, no other, in the version that was asked for.
void check_fault(const Reply& reply, const std::string& verb, int code, const char* version) {
  CHECK(reply.exit_code == 1);
  const json printed = parse_reply(reply);
  CHECK(printed["code"] == code);
  CHECK(printed["cniVersion"] == version);
  for (const auto& entry : printed.items()) {
    const std::string& key = entry.key();
    const bool known = key == "code" || key == "cniVersion" || key == "msg" || key == "details";
    CHECK_MESSAGE(known, key);
  }
  const std::string msg = printed["msg"];
  CHECK_MESSAGE(msg.starts_with("CNI plugin weave-net: "), msg);
  if (code != 42) CHECK_MESSAGE(!printed.value("details", "").empty(), msg);
  const bool of_container = verb != "GC" && verb != "STATUS" && code != 4;
  if (of_container) {
    CHECK_MESSAGE(msg.find(verb + " for container " + kIdent + " (eth0): ") != std::string::npos,
                  msg);
  }
}

// The whole result of an ADD in a version's shape.
json expected_result(Table& table, SpecVersion version) {
  const std::string mac = net::find_link(table.nl, "weave")->mac.text();
  const std::string host_mac = net::find_link(table.nl, "vethwepl0123456")->mac.text();
  auto inside = net::Netlink::open(table.pod_ns.open()).value();
  const auto eth0 = net::find_link(inside, "eth0").value();
  const std::string address = table.daemon->held()[kIdent];
  json out{{"cniVersion", text(version)}, {"dns", json::object()}};
  const json route{{"dst", "0.0.0.0/0"}, {"gw", "10.32.0.200"}};
  if (has_old_results(version)) {
    out["ip4"] = {{"ip", address}, {"gateway", "10.32.0.200"}, {"routes", json::array({route})}};
    return out;
  }
  json ip{{"address", address}, {"gateway", "10.32.0.200"}, {"interface", 2}};
  if (names_family(version)) ip["version"] = "4";
  json host{{"name", "vethwepl0123456"}, {"mac", host_mac}};
  json pod{{"name", "eth0"}, {"mac", eth0.mac.text()}, {"sandbox", table.pod_ns.path()}};
  if (version == SpecVersion::v1_1_0) host["mtu"] = pod["mtu"] = eth0.mtu;
  out["interfaces"] = json::array({json{{"name", "weave"}, {"mac", mac}}, host, pod});
  out["ips"] = json::array({ip});
  out["routes"] = json::array({route});
  return out;
}

std::string call_config(const Blow& blow, const std::string& version, const std::string& verb,
                        const std::optional<json>& prev) {
  if (blow.input) return *blow.input;
  std::string more = blow.fields;
  if (verb == "GC") {
    more += std::string(more.empty() ? "" : ", ") + R"("cni.dev/valid-attachments": [])";
  }
  return prev ? with_prev(version, *prev, more) : config(version, more);
}

void one_cell(Table& table, const Blow& blow, SpecVersion version, std::size_t verb_index) {
  const std::string verb = kVerbs[verb_index];
  const std::string version_text(text(version));
  table.well();
  std::optional<json> prev;
  if (verb != "ADD" && verb != "STATUS") {
    const Reply added = table.call("ADD", config(version_text));
    REQUIRE_MESSAGE(added.exit_code == 0, added.out);
    if (verb != "GC") prev = parse_reply(added);
  }
  blow.strike(table);
  const bool waits = blow.codes[verb_index] != 0 || verb == "DEL" || verb == "GC";
  table.be_patient(!blow.silent || !waits);
  const Reply reply = table.call(verb, call_config(blow, version_text, verb, prev));
  const int struck = blow.codes[verb_index];
  const bool seen_first = blow.before_version && struck != 0;
  const int code = seen_first || has_verb(version, verb) ? struck : 1;
  if (code != 0) {
    const bool own = !blow.input;
    check_fault(reply, verb, code, own ? version_text.c_str() : "1.1.0");
  } else {
    CHECK_MESSAGE(reply.exit_code == 0, reply.out);
    if (verb == "ADD") CHECK(parse_reply(reply) == expected_result(table, version));
    if (verb != "ADD") CHECK(reply.out == "");
  }
  if (verb == "ADD" && code != 0) CHECK(table.ports().empty());
  // Then all is well again: a DEL, and nothing is left.
  table.well();
  CHECK(table.call("DEL", config(version_text)).exit_code == 0);
  CHECK(table.traces() == "");
  CHECK(table.daemon->held()[kIdent] == "");
}

}  // namespace

TEST_CASE("cni table: verb by version by failure: code, shape, and nothing is left") {
  if (!can_make_namespaces()) return;
  Table table;
  for (const Blow& blow : failures()) {
    CAPTURE(std::string(blow.name));
    for (SpecVersion version : kSpecVersions) {
      CAPTURE(text(version));
      for (std::size_t verb = 0; verb < kVerbs.size(); ++verb) {
        CAPTURE(std::string(kVerbs[verb]));
        one_cell(table, blow, version, verb);
      }
    }
  }
}

TEST_CASE("cni table: VERSION answers under every failure") {
  Bench bench;
  for (const Blow& blow : failures()) {
    CAPTURE(blow.name);
    const Reply reply = bench.call("VERSION", blow.input.value_or(config("1.0.0")));
    CHECK(reply.exit_code == 0);
    CHECK(parse_reply(reply)["supportedVersions"].size() == kSpecVersions.size());
  }
}
