// SPDX-License-Identifier: Apache-2.0
// Whole calls that need no namespace: verb by version by failure, the IPAM role, the release queue.
#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

#include "fake_daemon.h"
#include "plugin/cni/core/version.h"

using namespace weft;
using namespace weft::cni;

namespace {

using Fate = FakeDaemon::Fate;

io::HttpResponse text_reply(unsigned status, const std::string& body) {
  return {.status = status, .body = body};
}

FakeDaemon::Script answer_all(io::HttpResponse response) {
  return [=](const io::HttpRequest&) {
    return std::pair(Fate::normal, std::optional(response));
  };
}

FakeDaemon::Script always(Fate fate) {
  return [=](const io::HttpRequest&) {
    return std::pair(fate, std::optional<io::HttpResponse>());
  };
}

int code(const Reply& reply) {
  CHECK(reply.exit_code == 1);
  return parse_reply(reply)["code"].get<int>();
}

}  // namespace

TEST_CASE("cni plugin: VERSION: lists every version, without a configuration, too") {
  Bench bench;
  for (const char* input : {"", R"({"cniVersion": "0.3.1"})", "[[["}) {
    const Reply reply = bench.call("VERSION", input);
    CHECK(reply.exit_code == 0);
    CHECK(parse_reply(reply)["supportedVersions"].size() == 7);
  }
}

TEST_CASE("cni plugin: failures: every verb and version reports malformed input alike") {
  Bench bench;
  bench.variables["CNI_NETNS"] = "/run/netns/wf-c-none";
  struct Row {
    std::string input;
    int code;
  };
  const Row rows[] = {
      {"", 6},
      {"{", 6},
      {std::string(2 << 20, ' '), 6},
      {std::string(500'000, '['), 6},
      {R"({"name": "n", "cniVersion": "7.0.0"})", 1},
      {R"({"name": "n", "cniVersion": 7})", 6},
  };
  for (const char* verb : {"ADD", "DEL", "CHECK", "GC", "STATUS"}) {
    for (const Row& row : rows) {
      CAPTURE(verb);
      CAPTURE(row.input.substr(0, 60));
      const Reply reply = bench.call(verb, row.input);
      CHECK(code(reply) == row.code);
      const std::string msg = parse_reply(reply)["msg"];
      CHECK(msg.starts_with("CNI plugin weave-net: " + std::string(verb)));
    }
  }
}

TEST_CASE("cni plugin: failures: an error is in the version of the configuration and names all") {
  Bench bench;
  bench.variables["CNI_NETNS"] = "/run/netns/wf-c-none";
  for (SpecVersion version : kSpecVersions) {
    const Reply reply = bench.call("ADD", config(std::string(text(version))));
    CHECK(code(reply) == 3);
    CHECK(parse_reply(reply)["cniVersion"] == text(version));
    const std::string msg = parse_reply(reply)["msg"];
    CHECK(msg.find("container 0123456789abcdef (eth0)") != std::string::npos);
    CHECK(msg.find("/run/netns/wf-c-none") != std::string::npos);
  }
}

TEST_CASE("cni plugin: ADD: the host's own namespace is refused") {
  Bench bench;
  bench.variables["CNI_NETNS"] = "/proc/self/ns/net";
  CHECK(code(bench.call("ADD", config("1.0.0"))) == 4);
}

TEST_CASE("cni plugin: addresses of the daemon that make no sense are refused") {
  Bench bench;
  bench.variables["WEAVE_HTTP_ADDR"] = "not an address";
  CHECK(code(bench.call("ADD", config("1.0.0"), Role::ipam)) == 4);
  bench.variables.erase("WEAVE_HTTP_ADDR");
  CHECK(code(bench.call("ADD", config("1.0.0", R"("weaveHttpAddr": "x y")"), Role::ipam)) == 7);
}

TEST_CASE("cni ipam: ADD and DEL in every version: an address comes and goes") {
  for (SpecVersion version : kSpecVersions) {
    Bench bench;
    FakeDaemon daemon(bench.socket());
    const std::string conf =
        config(std::string(text(version)), R"("ipam": {"gateway": "10.32.0.1"})");
    for (int repeat = 0; repeat < 2; ++repeat) {
      const Reply added = bench.call("ADD", conf, Role::ipam);
      REQUIRE_MESSAGE(added.exit_code == 0, added.out);
      const auto json = parse_reply(added);
      CHECK(json["cniVersion"] == text(version));
      const auto& ip = has_old_results(version) ? json["ip4"] : json["ips"][0];
      CHECK(ip[has_old_results(version) ? "ip" : "address"] == "10.32.0.1/12");
      CHECK(ip["gateway"] == "10.32.0.1");
      CHECK_FALSE(json.contains("interfaces"));
      CHECK(bench.files("attached") == std::vector<std::string>{"0123456789abcdef:eth0"});
    }
    for (int repeat = 0; repeat < 2; ++repeat) {
      const Reply gone = bench.call("DEL", conf, Role::ipam);
      CHECK(gone.exit_code == 0);
      CHECK(gone.out.empty());
      CHECK(daemon.held().empty());
      CHECK(bench.files("attached").empty());
      CHECK(bench.files("pending").empty());
    }
  }
}

TEST_CASE("cni ipam: several interfaces of one container hold addresses of their own") {
  Bench bench;
  FakeDaemon daemon(bench.socket());
  const std::string conf = config("1.0.0");
  CHECK(bench.call("ADD", conf, Role::ipam).exit_code == 0);
  bench.variables["CNI_IFNAME"] = "net1";
  CHECK(bench.call("ADD", conf, Role::ipam).exit_code == 0);
  CHECK(daemon.held() ==
        std::map<std::string, std::string>{{"0123456789abcdef", "10.32.0.1/12"},
                                           {"0123456789abcdef:net1", "10.32.0.2/12"}});
  CHECK(bench.call("DEL", conf, Role::ipam).exit_code == 0);
  CHECK(daemon.held().count("0123456789abcdef") == 1);
  CHECK(daemon.held().size() == 1);
}

TEST_CASE("cni ipam: the capability ips claims addresses, with the default subnet's length") {
  Bench bench;
  FakeDaemon daemon(bench.socket());
  const Reply reply =
      bench.call("ADD", config("1.0.0", R"("runtimeConfig": {"ips": ["10.32.5.5"]})"), Role::ipam);
  REQUIRE(reply.exit_code == 0);
  CHECK(parse_reply(reply)["ips"][0]["address"] == "10.32.5.5/12");
  CHECK(daemon.held().at("0123456789abcdef") == "10.32.5.5/12");
}

TEST_CASE("cni ipam: ADD: each failure of the daemon has its code, and leaves nothing held") {
  struct Row {
    const char* what = nullptr;
    std::optional<FakeDaemon::Script> script;  // none: no daemon
    int code = 0;
  };
  const Row rows[] = {
      {"down", std::nullopt, 11},
      {"slow", always(Fate::silence), 11},
      {"failing", answer_all(text_reply(500, "boom")), 11},
      {"cancelled", answer_all(text_reply(200, "cancelled")), 11},
      {"not weaver", answer_all(text_reply(200, "<html>")), 11},
      {"without IPAM", answer_all(text_reply(404, "404 page not found")), 101},
      {"refusing", answer_all(text_reply(400, "range out of bounds")), 101},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Bench bench;
    std::optional<FakeDaemon> daemon;
    if (row.script) daemon.emplace(bench.socket(), *row.script);
    const Reply reply = bench.call("ADD", config("1.0.0"), Role::ipam);
    CHECK(code(reply) == row.code);
    CHECK(bench.files("attached").empty());
  }
}

TEST_CASE("cni ipam: ADD: an address that came too late is given back") {
  Bench bench;
  FakeDaemon daemon(bench.socket(), [](const io::HttpRequest& request) {
    const Fate fate = request.method == "POST" ? Fate::hang_up : Fate::normal;
    return std::pair(fate, std::optional<io::HttpResponse>());
  });
  CHECK(code(bench.call("ADD", config("1.0.0"), Role::ipam)) == 11);
  CHECK(daemon.held().count("0123456789abcdef") == 0);
}

TEST_CASE("cni ipam: ADD: a repeated ADD that fails keeps what the first one got") {
  Bench bench;
  FakeDaemon daemon(bench.socket(), [n = 0](const io::HttpRequest& request) mutable {
    const bool second = request.method == "POST" && ++n == 2;
    return std::pair(Fate::normal, second ? std::optional(text_reply(500, "boom"))
                                          : std::optional<io::HttpResponse>());
  });
  CHECK(bench.call("ADD", config("1.0.0"), Role::ipam).exit_code == 0);
  CHECK(code(bench.call("ADD", config("1.0.0"), Role::ipam)) == 11);
  CHECK(daemon.held().size() == 1);
  CHECK(bench.files("attached").size() == 1);
}

TEST_CASE("cni del: succeeds without daemon, namespace or link, and the release is done later") {
  for (const char* netns : {"", "/run/netns/wf-c-none"}) {
    Bench bench;
    bench.variables["CNI_NETNS"] = netns;
    CHECK(bench.call("DEL", config("1.0.0")).exit_code == 0);
    CHECK(bench.files("pending") == std::vector<std::string>{"0123456789abcdef"});
    FakeDaemon daemon(bench.socket());
    daemon.hold("0123456789abcdef", "10.32.0.7/12");
    bench.variables["CNI_CONTAINERID"] = "fedcba9876543210";
    CHECK(bench.call("DEL", config("1.0.0")).exit_code == 0);
    CHECK(daemon.held().empty());
    CHECK(bench.files("pending").empty());
  }
}

TEST_CASE("cni del: a slow daemon does not hold it up, and a refusal is queued") {
  for (const auto& script : {always(Fate::silence), answer_all(text_reply(500, "boom")),
                             answer_all(text_reply(400, "no"))}) {
    Bench bench;
    FakeDaemon daemon(bench.socket(), script);
    const Reply reply = bench.call("DEL", config("1.0.0"));
    CHECK(reply.exit_code == 0);
    CHECK(reply.log.find("waits for the daemon") != std::string::npos);
    CHECK(bench.files("pending").size() == 1);
  }
}

TEST_CASE("cni del: a daemon without address allocation holds nothing, now or of the queue's") {
  Bench bench;
  CHECK(bench.call("DEL", config("1.0.0")).exit_code == 0);
  CHECK(bench.files("pending").size() == 1);
  FakeDaemon daemon(bench.socket(), answer_all(text_reply(404, "404 page not found")));
  bench.variables["CNI_CONTAINERID"] = "fedcba9876543210";
  CHECK(bench.call("DEL", config("1.0.0")).exit_code == 0);
  CHECK(bench.files("pending").empty());
}

TEST_CASE("cni del: what the record holds is released though another IPAM plugin fails by now") {
  Bench bench;
  FakeDaemon daemon(bench.socket());
  REQUIRE(bench.call("ADD", config("1.0.0"), Role::ipam).exit_code == 0);
  const Reply reply = bench.call("DEL", config("1.0.0", R"("ipam": {"type": "no-ipam"})"));
  CHECK(code(reply) == 102);
  CHECK(daemon.held().empty());
  CHECK(bench.files("attached").size() == 1);
}

TEST_CASE("cni del: if the release can be neither done nor queued, the runtime is to try again") {
  Bench bench;
  std::ofstream(bench.dir.path() + "/state") << "a file where a folder should be";
  CHECK(code(bench.call("DEL", config("1.0.0"))) == 11);
}

TEST_CASE("cni del: a configuration that was spoilt since the ADD does not stop it") {
  Bench bench;
  FakeDaemon daemon(bench.socket());
  daemon.hold("0123456789abcdef", "10.32.0.7/12");
  CHECK(bench.call("DEL", config("1.0.0", R"("mtu": "big", "bridge": 7)")).exit_code == 0);
  CHECK(daemon.held().empty());
}

TEST_CASE("cni queue: an id that is used again before its release is not released") {
  Bench bench;
  CHECK(bench.call("DEL", config("1.0.0"), Role::ipam).exit_code == 0);
  CHECK(bench.files("pending").size() == 1);
  FakeDaemon daemon(bench.socket());
  CHECK(bench.call("ADD", config("1.0.0"), Role::ipam).exit_code == 0);
  bench.variables["CNI_CONTAINERID"] = "other";
  CHECK(bench.call("DEL", config("1.0.0"), Role::ipam).exit_code == 0);
  CHECK(daemon.held().count("0123456789abcdef") == 1);
}

TEST_CASE("cni gc: frees what is not listed, of this network alone") {
  Bench bench;
  FakeDaemon daemon(bench.socket());
  auto add = [&](const std::string& id, const std::string& conf) {
    bench.variables["CNI_CONTAINERID"] = id;
    REQUIRE(bench.call("ADD", conf, Role::ipam).exit_code == 0);
  };
  add("aaa", config("1.1.0"));
  add("bbb", config("1.1.0"));
  add("ccc", R"({"cniVersion": "1.1.0", "name": "other"})");
  const std::string list =
      R"("cni.dev/valid-attachments": [{"containerID": "aaa", "ifname": "eth0"}])";
  const Reply reply = bench.call("GC", config("1.1.0", list), Role::ipam);
  CHECK(reply.exit_code == 0);
  CHECK(reply.out.empty());
  CHECK(daemon.held().count("aaa") == 1);
  CHECK(daemon.held().count("bbb") == 0);
  CHECK(daemon.held().count("ccc") == 1);
  CHECK(bench.files("attached").size() == 2);
  CHECK(code(bench.call("GC", config("1.1.0"), Role::ipam)) == 7);
  CHECK(bench.files("attached").size() == 2);
}

TEST_CASE("cni gc: a list that is null has no entries, as libcni writes one; other names count") {
  Bench bench;
  FakeDaemon daemon(bench.socket());
  const auto add = [&] {
    REQUIRE(bench.call("ADD", config("1.1.0"), Role::ipam).exit_code == 0);
  };
  const auto gc = [&](const std::string& lists) {
    return bench.call("GC", config("1.1.0", lists), Role::ipam);
  };
  add();
  const Reply both = gc(R"("cni.dev/valid-attachments": null, "cni.dev/attachments": null)");
  CHECK_MESSAGE(both.exit_code == 0, both.out);
  CHECK(daemon.held().empty());
  add();
  CHECK(gc(R"("cni.dev/valid-attachments": null)").exit_code == 0);
  CHECK(daemon.held().empty());
  add();
  CHECK(gc(R"("cni.dev/valid-attachments": null, "cni.dev/attachments":
              [{"containerID": "0123456789abcdef", "ifname": "eth0"}])")
            .exit_code == 0);
  CHECK(daemon.held().size() == 1);
  CHECK(code(gc(R"("cni.dev/valid-attachments": 7)")) == 7);
  CHECK(daemon.held().size() == 1);
}

TEST_CASE("cni gc: what another ADD is writing stays, what a dead process left goes") {
  Bench bench;
  FakeDaemon daemon(bench.socket());
  const std::string folder = bench.dir.path() + "/state/attached";
  std::filesystem::create_directories(folder);
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  ::waitpid(ended, nullptr, 0);
  const std::string lives = ".aaa:eth0:" + std::to_string(::getpid());
  for (const std::string& name :
       {lives, ".bbb:eth0:" + std::to_string(ended), std::string(".ccc:eth0:x")})
    std::ofstream(folder + "/" + name) << "{";
  const std::string conf = config("1.1.0", R"("cni.dev/valid-attachments": [])");
  CHECK(bench.call("GC", conf, Role::ipam).exit_code == 0);
  CHECK(bench.files("attached") == std::vector<std::string>{lives});
}

TEST_CASE("cni gc: without daemon the releases are queued") {
  Bench bench;
  {
    FakeDaemon daemon(bench.socket());
    REQUIRE(bench.call("ADD", config("1.1.0"), Role::ipam).exit_code == 0);
  }
  const std::string conf = config("1.1.0", R"("cni.dev/valid-attachments": [])");
  CHECK(bench.call("GC", conf, Role::ipam).exit_code == 0);
  CHECK(bench.files("attached").empty());
  CHECK(bench.files("pending").size() == 1);
}

TEST_CASE("cni status: 50 while the daemon starts, 51 without it, soon in any case") {
  // "lo" stands for the bridge, which this namespace does not have.
  const std::string conf = config("1.1.0", R"("bridge": "lo")");
  Bench bench;
  CHECK(code(bench.call("STATUS", conf)) == 51);
  {
    FakeDaemon daemon(bench.socket());
    const Reply reply = bench.call("STATUS", conf);
    CHECK(reply.exit_code == 0);
    CHECK(reply.out.empty());
    CHECK(code(bench.call("STATUS", config("1.1.0", R"("bridge": "wf-c-none")"))) == 51);
  }
  {
    FakeDaemon daemon(bench.socket(), answer_all(text_reply(503, "no ring")));
    const Reply reply = bench.call("STATUS", conf);
    CHECK(code(reply) == 50);
    CHECK(reply.out.find("no ring") != std::string::npos);
  }
  FakeDaemon daemon(bench.socket(), always(Fate::silence));
  CHECK(code(bench.call("STATUS", conf)) == 51);
}

TEST_CASE("cni check: needs a prevResult, and a namespace that is there") {
  Bench bench;
  bench.variables["CNI_NETNS"] = "/run/netns/wf-c-none";
  CHECK(code(bench.call("CHECK", config("1.0.0"))) == 7);
  const std::string prev = R"("prevResult": {"interfaces": [{"name": "eth0", "sandbox": "/x"}],
                              "ips": [{"address": "10.32.0.5/12", "interface": 0}]})";
  CHECK(code(bench.call("CHECK", config("1.0.0", prev))) == 3);
  CHECK(code(bench.call("CHECK", config("0.3.1", prev))) == 1);
}

TEST_CASE("cni check: as IPAM it compares with what the daemon holds") {
  Bench bench;
  const std::string conf =
      config("1.0.0", R"("prevResult": {"ips": [{"address": "10.32.0.5/12"}]})");
  bench.variables["CNI_NETNS"] = "/run/netns/wf-c-none";
  CHECK(code(bench.call("CHECK", conf, Role::ipam)) == 11);
  FakeDaemon daemon(bench.socket());
  CHECK(code(bench.call("CHECK", conf, Role::ipam)) == 103);
  daemon.hold("0123456789abcdef", "10.32.0.5/12");
  CHECK(bench.call("CHECK", conf, Role::ipam).exit_code == 0);
}
