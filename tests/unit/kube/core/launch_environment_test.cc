// SPDX-License-Identifier: Apache-2.0
// The environment of Weave's DaemonSet, variable by variable.
#include "plugin/kube/core/launch_environment.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "plugin/kube/core/argument_list.h"

using namespace weft;
using namespace weft::kube;

namespace {

using Texts = std::vector<std::string>;

std::variant<LaunchSettings, Failure> read(LaunchVariables variables, const Texts& arguments = {}) {
  variables.emplace("HOSTNAME", "node1");
  return read_launch_environment(variables, arguments);
}

LaunchSettings good(const LaunchVariables& variables, const Texts& arguments = {}) {
  auto result = read(variables, arguments);
  if (const auto* failure = std::get_if<Failure>(&result)) FAIL(failure->text());
  return std::get<LaunchSettings>(result);
}

std::string failure(const LaunchVariables& variables, const Texts& arguments = {}) {
  auto result = read(variables, arguments);
  REQUIRE(std::holds_alternative<Failure>(result));
  return std::get<Failure>(result).text();
}

bool has(const LaunchSettings& settings, const std::string& argument) {
  return std::count(settings.weaver_args.begin(), settings.weaver_args.end(), argument) == 1;
}

bool has_flag(const LaunchSettings& settings, const std::string& name) {
  return std::any_of(settings.weaver_args.begin(), settings.weaver_args.end(),
                     [&](const std::string& argument) { return argument.starts_with(name); });
}

}  // namespace

TEST_CASE("launch: defaults: they are those of Weave's launch script") {
  const LaunchSettings s = good({});
  CHECK(s.weaver_args == Texts{"--port=6783", "--conn-limit=200", "--http-addr=127.0.0.1:6784",
                               "--metrics-addr=0.0.0.0:6782", "--no-masq-local",
                               "--db-prefix=/weavedb/weave-net", "--cni-state-dir=/weavedb/cni",
                               "--nickname=node1", "--ipalloc-range=10.32.0.0/12"});
  CHECK(s.range == *Cidr::parse("10.32.0.0/12"));
  CHECK(s.node_name == "node1");
  CHECK(s.host_root == "/host");
  CHECK(s.db_prefix == "/weavedb/weave-net");
  CHECK(s.http_addr == "127.0.0.1:6784");
  CHECK(s.hairpin);
  CHECK(s.forced_init.empty());
  CHECK(s.expose_ip.empty());
  CHECK(!s.init_container);
  CHECK(!s.has_password);
  CHECK(!s.allow_unenforced);
  CHECK(s.warnings.empty());
}

TEST_CASE("launch: variables: each that becomes a flag of weaver's") {
  struct Case {
    const char *variable, *value, *argument;
  };
  for (const Case& c :
       {Case{"CONN_LIMIT", "30", "--conn-limit=30"}, Case{"WEAVE_MTU", "1300", "--mtu=1300"},
        Case{"WEAVE_PORT", "7000", "--port=7000"},
        Case{"WEAVE_HTTP_ADDR", "127.0.0.1:7784", "--http-addr=127.0.0.1:7784"},
        Case{"WEAVE_STATUS_ADDR", "0.0.0.0:6789", "--status-addr=0.0.0.0:6789"},
        Case{"WEAVE_METRICS_ADDR", "127.0.0.1:6782", "--metrics-addr=127.0.0.1:6782"},
        Case{"DB_PREFIX", "/data/x", "--db-prefix=/data/x"},
        Case{"DB_PREFIX", "/data/x", "--cni-state-dir=/data/cni"},
        Case{"EXTRA_ARGS", "--cni-state-dir=/a/b", "--cni-state-dir=/a/b"},
        Case{"HOSTNAME", "node7", "--nickname=node7"},
        Case{"IPALLOC_RANGE", "10.0.0.0/16", "--ipalloc-range=10.0.0.0/16"},
        Case{"WEAVE_DEBUG", "1", "--log-level=debug"},
        Case{"EXTRA_ARGS", "--log-level=warning", "--log-level=warning"}}) {
    CAPTURE(c.variable);
    const LaunchSettings s = good({{c.variable, c.value}});
    CHECK(has(s, c.argument));
    CHECK(s.warnings.empty());
  }
}

TEST_CASE("launch: variables: each that becomes a setting of the agent's") {
  CHECK(!good({{"HAIRPIN_MODE", "false"}}).hairpin);
  CHECK(good({}).anti_spoofing == AntiSpoofing::on);
  CHECK(good({{"WEFT_CNI_ANTI_SPOOFING", "false"}}).anti_spoofing == AntiSpoofing::off);
  CHECK(good({{"WEFT_CNI_ANTI_SPOOFING", "annotation"}}).anti_spoofing ==
        AntiSpoofing::by_annotation);
  CHECK(good({{"WEFT_CNI_CHAIN", R"([{"type":"tuning"}])"}}).cni_chain == R"([{"type":"tuning"}])");
  CHECK(good({{"HOST_ROOT", "/h"}}).host_root == "/h");
  CHECK(good({{"WEAVE_CNI_PLUGIN_DIR", "/h/bin"}}).cni_bin_dir == "/h/bin");
  CHECK(good({{"INIT_CONTAINER", "true"}}).init_container);
  CHECK(good({{"WEAVE_EXPOSE_IP", "10.32.0.1/12"}}).expose_ip == "10.32.0.1/12");
  CHECK(good({{"WEAVE_EXPOSE_IP", "ip:10.32.0.1/12"}}).expose_ip == "10.32.0.1/12");
  CHECK(good({{"KUBE_PEERS", " 10.0.0.1  10.0.0.2\n"}}).named_peers ==
        Texts{"10.0.0.1", "10.0.0.2"});
  CHECK(good({{"IPALLOC_INIT", "observer"}}).forced_init == "observer");
  CHECK(good({{"IPALLOC_INIT", "seed=7a:00:00:00:00:01"}}).forced_init == "seed=7a:00:00:00:00:01");
  CHECK(good({{"WEFT_ALLOW_UNENFORCED_POLICIES", "1"}}).allow_unenforced);
  CHECK(!has_flag(good({{"NO_MASQ_LOCAL", "0"}}), "--no-masq-local"));
  CHECK(has(good({{"NO_MASQ_LOCAL", "1"}}), "--no-masq-local"));
  CHECK(good({{"EXPECT_NPC", "0"}}).warnings.empty());
  const LaunchSettings secret = good({{"WEAVE_PASSWORD", "hunter2"}});
  CHECK(secret.has_password);
  for (const std::string& argument : secret.weaver_args)
    CHECK(argument.find("hunter2") == std::string::npos);
}

TEST_CASE("launch: variables: one that means nothing here is warned of, with what replaces it") {
  for (const char* name : {"CHECKPOINT_DISABLE", "IPTABLES_BACKEND", "WEAVE_NO_FASTDP",
                           "DOCKER_API_VERSION", "EXPECT_NPC", "DOCKER_HOST", "AWSVPC",
                           "WEAVE_KUBERNETES_VERSION", "WEAVE_KUBERNETES_UID"}) {
    CAPTURE(name);
    const LaunchSettings s = good({{name, "1"}});
    REQUIRE(s.warnings.size() == 1);
    CHECK(s.warnings[0].find(name) == 0);
    CHECK(s.warnings[0].find("has no effect here: ") != std::string::npos);
    CHECK(s.weaver_args == good({}).weaver_args);
    CHECK(good({{name, ""}}).warnings.empty());
  }
  CHECK(good({{"IPALLOC_INIT", "consensus=3"}}).warnings.size() == 1);
  CHECK(good({{"WEAVE_MTUU", "1300"}}).warnings.size() == 1);
  CHECK(good({{"WEFT_ALLOW", "1"}}).warnings.size() == 1);
}

TEST_CASE("launch: variables: those of services and of other programs are left alone") {
  CHECK(good({{"WEAVE_NET_SERVICE_HOST", "10.96.0.5"},
              {"WEAVE_NET_SERVICE_PORT_METRICS", "6782"},
              {"WEAVE_NET_PORT", "tcp://10.96.0.5:6782"},
              {"WEAVE_NET_PORT_6782_TCP_ADDR", "10.96.0.5"},
              {"PATH", "/bin"},
              {"POD_NAMESPACE", "kube-system"},
              {"WEFT_PASSWORD_SECRET", "weave-passwd"},
              {"WEFT_KUBE_STATUS_ADDR", "127.0.0.1:6785"}})
            .warnings.empty());
}

TEST_CASE("launch: faults: each names the variable, its value and what to write") {
  struct Case {
    const char *variable, *value;
  };
  for (const Case& c :
       {Case{"CONN_LIMIT", "many"}, Case{"WEAVE_MTU", "-1"}, Case{"WEAVE_PORT", "6783/tcp"},
        Case{"HAIRPIN_MODE", "yes"}, Case{"WEFT_CNI_ANTI_SPOOFING", "no"},
        Case{"WEFT_CNI_CHAIN", "bandwidth"}, Case{"WEFT_CNI_CHAIN", "[{}]"},
        Case{"WEFT_CNI_CHAIN", "{}"}, Case{"WEFT_CNI_CHAIN", "[],\"x\":[]"},
        Case{"IPALLOC_RANGE", "10.32.0.1/12"}, Case{"IPALLOC_INIT", "seed="},
        Case{"IPALLOC_INIT", "paxos"}, Case{"WEAVE_EXPOSE_IP", "10.32.0.1"},
        Case{"WEFT_ALLOW_UNENFORCED_POLICIES", "yes"}, Case{"HOSTNAME", ""}}) {
    CAPTURE(c.variable);
    const std::string text = failure({{c.variable, c.value}});
    CHECK(text.find(std::string(c.variable) + "='" + c.value + "'") == 0);
    CHECK(text.find('(') != std::string::npos);
  }
}

TEST_CASE("launch: arguments: the container's win over variables, variables over EXTRA_ARGS") {
  const LaunchSettings s = good(
      {{"WEAVE_MTU", "1300"},
       {"EXTRA_ARGS", "--mtu=1200 --trusted-subnets 10.0.0.0/8"},
       {"IPALLOC_RANGE", "10.0.0.0/16"}},
      {"--ipalloc-range=10.1.0.0/16", "--ipalloc-init", "observer", "--no-discovery", "10.0.0.9"});
  CHECK(has(s, "--mtu=1300"));
  CHECK(!has_flag(s, "--mtu=1200"));
  CHECK(has(s, "--trusted-subnets=10.0.0.0/8"));
  CHECK(s.range == *Cidr::parse("10.1.0.0/16"));
  CHECK(s.forced_init == "observer");
  CHECK(!has_flag(s, "--ipalloc-init"));
  CHECK(has(s, "--no-discovery"));
  CHECK(s.named_peers == Texts{"10.0.0.9"});
}

TEST_CASE("launch: password: never among the arguments, a file of one may be named") {
  CHECK(failure({{"EXTRA_ARGS", "--password=x"}}).find("WEAVE_PASSWORD") != std::string::npos);
  CHECK(failure({}, {"--password", "x"}).find("x'") == std::string::npos);
  CHECK(has(good({{"EXTRA_ARGS", "--password-file=/s/p"}}), "--password-file=/s/p"));
}

TEST_CASE("launch: line: the seed's decision and the peers complete it") {
  const auto line = weaver_arguments(good({}), "seed=7a:00:00:00:00:01", {"10.0.0.2"});
  REQUIRE(line.size() > 2);
  CHECK(line[line.size() - 2] == "--ipalloc-init=seed=7a:00:00:00:00:01");
  CHECK(line.back() == "10.0.0.2");
}

TEST_CASE("argument list: values may follow their flag, switches take none, one dash is as two") {
  ArgumentList list;
  list.add(
      {"-mtu", "1300", "--no-discovery", "peer1", "--bufsz=4", "--mtu=1400", "", "--log-level"});
  CHECK(list.flags() == Texts{"--no-discovery", "--bufsz=4", "--mtu=1400", "--log-level"});
  CHECK(list.peers() == Texts{"peer1"});
  CHECK(list.value("--bufsz") == "4");
  CHECK(list.value("--no-discovery").empty());
  CHECK(list.has("--no-discovery"));
  CHECK(words_of("  a\tb\n\nc ") == Texts{"a", "b", "c"});
}
