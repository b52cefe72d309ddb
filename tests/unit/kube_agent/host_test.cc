// SPDX-License-Identifier: Apache-2.0
// What the agent writes to the host, in folders of the test's own.
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "base/json/json.h"
#include "plugin/kube/agent/state_file.h"
#include "plugin/kube/files/files.h"
#include "plugin/kube/host/bridge_filter.h"
#include "plugin/kube/host/cni_config.h"
#include "plugin/kube/host/ip_forward.h"
#include "plugin/kube/host/leftovers.h"
#include "plugin/kube/host/plugin_binaries.h"
#include "tests/unit/ipam/bolt_file.h"
#include "tests/unit/result_text.h"

using namespace weft;
using namespace weft::kube;
namespace fs = std::filesystem;

namespace {

struct Folder {
  std::string path;
  Folder() {
    std::string name = "/tmp/wf-kube-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    CHECK(replace_file(path + "/" + name, text, mode));
    return path + "/" + name;
  }
  std::string read(const std::string& name) const {
    return read_file(path + "/" + name, 1 << 20).value();
  }
};

}  // namespace

TEST_CASE("files: replaced whole, with nothing left beside, or not at all") {
  const Folder folder;
  folder.write("a", "one", 0600);
  folder.write("a", "two", 0600);
  CHECK(folder.read("a") == "two");
  CHECK(names_in(folder.path) == std::vector<std::string>{"a"});
  CHECK(read_file(folder.path + "/none", 10).error().code == Errc::not_found);
  CHECK(read_file(folder.path + "/a", 2).error().code == Errc::too_large);
  CHECK_FALSE(replace_file(folder.path + "/no/such", "x", 0600));
  fs::create_directory(folder.path + "/taken");
  CHECK_FALSE(replace_file(folder.path + "/taken", "x", 0600));
  CHECK(names_in(folder.path) == std::vector<std::string>{"a", "taken"});
}

TEST_CASE("cni configuration: what runtimes read") {
  const auto json = nlohmann::json::parse(
      cni_config_text({.hairpin = false, .daemon_address = "/run/weave.sock"}));
  CHECK(json["cniVersion"] == "1.0.0");
  CHECK(json["name"] == "weave");
  CHECK(json["plugins"][0]["type"] == "weave-net");
  CHECK(json["plugins"][0]["hairpinMode"] == false);
  CHECK(json["plugins"][0]["weaveHttpAddr"] == "/run/weave.sock");
  CHECK(json["plugins"][1]["type"] == "portmap");
  CHECK(json["plugins"][1]["snat"] == true);
  CHECK(json["plugins"][1]["capabilities"]["portMappings"] == true);
}

TEST_CASE("cni configuration: spoofing and further plugins as asked for") {
  const auto plugins = [](const CniConfigOptions& options) {
    return nlohmann::json::parse(cni_config_text(options))["plugins"];
  };
  CHECK_FALSE(plugins({})[0].contains("antiSpoofing"));
  const auto declared = nlohmann::json::parse(R"({"mac": true, "ips": true, "dns": true})");
  CHECK(plugins({})[0]["capabilities"] == declared);
  CHECK(plugins({.anti_spoofing = false})[0]["antiSpoofing"] == false);
  CHECK(plugins({.opt_out_by_annotation =
                     true})[0]["capabilities"]["io.kubernetes.cri.pod-annotations"] == true);
  const auto chained = plugins({.chain = R"([{"type":"bandwidth"},{"type":"tuning"}])"});
  REQUIRE(chained.size() == 4);
  CHECK(chained[1]["type"] == "portmap");
  CHECK(chained[3]["type"] == "tuning");
}

TEST_CASE("cni configuration: written once, mended when changed or gone, Weave's old one goes") {
  const Folder folder;
  CniConfig config(folder.path + "/net.d", {});
  using Outcome = CniConfig::Report::Outcome;
  CHECK(config.ensure()->outcome == Outcome::written);
  CHECK(config.ensure()->outcome == Outcome::unchanged);
  folder.write("net.d/10-weave.conflist", "{}");
  folder.write("net.d/10-weave.conf", "{}");
  CHECK(config.ensure()->outcome == Outcome::mended);
  fs::remove(config.path());
  CHECK(config.ensure()->outcome == Outcome::mended);
  CHECK(names_in(folder.path + "/net.d") == std::vector<std::string>{"10-weave.conflist"});
}

TEST_CASE("cni configuration: files that sort before ours are told of, others are not") {
  const std::vector<std::string> names{"05-other.conf",          "05-notes.txt",
                                       ".10-weave.conflist.new", "10-calico.conflist",
                                       "10-weave.conflist",      "99-z.conf"};
  CHECK(sorted_before_ours(names) ==
        std::vector<std::string>{"05-other.conf", "10-calico.conflist"});
}

TEST_CASE("bridge filter: set where it is not, told of where it is missing") {
  const Folder folder;
  CHECK(ensure_bridge_filter(folder.path).find("br_netfilter") != std::string::npos);
  fs::create_directories(folder.path + "/net/bridge");
  const std::string setting = folder.write("net/bridge/bridge-nf-call-iptables", "0\n");
  CHECK(ensure_bridge_filter(folder.path).empty());
  CHECK(folder.read("net/bridge/bridge-nf-call-iptables") == "1\n");
}

TEST_CASE("ip_forward: told of where it is off, never set") {
  const Folder folder;
  CHECK(check_ip_forward(folder.path).empty());  // a kernel that is not like others
  fs::create_directories(folder.path + "/net/ipv4");
  folder.write("net/ipv4/ip_forward", "0\n");
  CHECK(check_ip_forward(folder.path).find("net.ipv4.ip_forward") != std::string::npos);
  CHECK(folder.read("net/ipv4/ip_forward") == "0\n");
  folder.write("net/ipv4/ip_forward", "1\n");
  CHECK(check_ip_forward(folder.path).empty());
}

TEST_CASE("plugin: installed by rename, again only if it differs") {
  const Folder folder;
  const std::string source = folder.write("weave-net", "program", 0755);
  folder.write("portmap", "portmap", 0755);
  const PluginBinaries binaries{.source = source,
                                .folder = folder.path + "/bin",
                                .version = "1.2",
                                .portmap_dir = folder.path};
  CHECK(install_plugin(binaries)->changed ==
        std::vector<std::string>{"weave-plugin-1.2", "weave-net", "weave-ipam", "portmap"});
  CHECK(install_plugin(binaries)->changed.empty());
  CHECK(link_target(folder.path + "/bin/weave-ipam") == "weave-plugin-1.2");
  CHECK(folder.read("bin/weave-net") == "program");
  folder.write("bin/weave-plugin-1.2", "damaged", 0755);
  fs::remove(folder.path + "/bin/weave-ipam");
  CHECK(install_plugin(binaries)->changed ==
        std::vector<std::string>{"weave-plugin-1.2", "weave-ipam"});
}

TEST_CASE("plugin: a running program keeps its file; a missing source or portmap is told") {
  const Folder folder;
  const std::string source = folder.write("weave-net", "new", 0755);
  const PluginBinaries binaries{
      .source = source, .folder = folder.path + "/bin", .version = "1", .portmap_dir = ""};
  fs::create_directory(folder.path + "/bin");
  folder.write("bin/weave-plugin-1", "old", 0755);
  std::ifstream running(folder.path + "/bin/weave-plugin-1");
  CHECK(install_plugin(binaries)->portmap_missing);
  std::string text;
  running >> text;
  CHECK(text == "old");
  fs::remove(source);
  CHECK_FALSE(install_plugin(binaries));
  CHECK(folder.read("bin/weave-plugin-1") == "new");
}

TEST_CASE("agent state: kept, and not believed without weaver's") {
  const Folder folder;
  const StateFile file(folder.path + "/weave-net");
  CHECK(file.load() == AgentState{});
  folder.write("weave-netweft.db", "ring");
  const AgentState state{.served = true, .ring = true, .listed_in = "uid"};
  CHECK(file.store(state));
  CHECK(file.load() == state);
  fs::remove(folder.path + "/weave-netweft.db");
  CHECK_FALSE(file.load().ring);
  CHECK(file.load().served);
  folder.write("weave-netweft-kube.json", "{");
  CHECK(file.load() == AgentState{});
}

TEST_CASE("agent state: a node that Weave has served since is not ours already") {
  const Folder folder;
  const StateFile file(folder.path + "/weave-net");
  folder.write("weave-netweft.db", "ring");
  folder.write("weave-netdata.db", "Weave's");
  CHECK(file.store({.served = true, .ring = true}));
  const auto taken_over = fs::last_write_time(file.path());
  const auto path = folder.path + "/weave-netdata.db";
  fs::last_write_time(path, taken_over - std::chrono::hours(1));
  CHECK(file.load().served);
  fs::last_write_time(path, taken_over + std::chrono::seconds(1));
  CHECK_FALSE(file.load().served);
  CHECK(file.load().ring);
  fs::remove(path);
  CHECK(file.load().served);
}

TEST_CASE("agent state: what Weave noted counts until weaver has state of its own") {
  const Folder folder;
  const StateFile file(folder.path + "/weave-net");
  const auto database = [&](const std::string& key) {
    const Bytes value = to_bytes(as_bytes("\x05\x0c\x00\x02ok"));
    folder.write("weave-netdata.db",
                 std::string(as_text(ipam::test::small_bolt_file({{key, value}}))));
  };
  database("ring");
  CHECK_FALSE(file.load().listed_by_weave);
  database("flag:peer-reclaim");
  CHECK(file.load().listed_by_weave);
  CHECK(file.store({.from_weave = true}));
  CHECK(file.load().listed_by_weave);
  folder.write("weave-netweft.db", "ours");
  CHECK_FALSE(file.load().listed_by_weave);
  fs::remove(folder.path + "/weave-netweft.db");
  folder.write("weave-netdata.db", "not a database");
  CHECK_FALSE(file.load().listed_by_weave);
}

TEST_CASE("agent state: set aside, weaver starts as a new peer, and nothing is lost") {
  const Folder folder;
  const StateFile file(folder.path + "/weave-net");
  folder.write("weave-netweft.db", "ours");
  folder.write("weave-netdata.db", "Weave's");
  CHECK(file.store({.served = true, .ring = true, .listed_in = "uid"}));
  file.set_aside();
  CHECK(names_in(folder.path) ==
        std::vector<std::string>{"weave-netreclaimed-data.db", "weave-netreclaimed-weft.db"});
}

TEST_CASE(
    "leftovers: what is ours goes from the node, what is not stays, twice is as good as once") {
  const Folder folder;
  for (const char* name : {"conf", "bin", "state", "state/cni"})
    fs::create_directory(folder.path + "/" + name);
  for (const char* name :
       {"conf/10-weave.conflist", "conf/05-other.conf", "bin/portmap", "bin/weave-plugin-0.0.9",
        "bin/weave-plugin-0.1.0", "state/weave-netweft-kube.json", "state/weave-netweft.moved"}) {
    folder.write(name, "x");
  }
  CHECK(replace_link(folder.path + "/bin/weave-net", "weave-plugin-0.1.0"));
  CHECK(replace_link(folder.path + "/bin/weave-ipam", "weave-plugin-0.1.0"));
  const HostPlaces places{.cni_conf_dir = folder.path + "/conf",
                          .cni_bin_dir = folder.path + "/bin",
                          .db_prefix = folder.path + "/state/weave-net"};
  SUBCASE("nothing of Weave's") {
    CHECK(remove_leftovers(places).value().size() == 8);
    CHECK(names_in(folder.path + "/state").empty());
  }
  SUBCASE("a database of Weave's keeps the note beside it") {
    folder.write("state/weave-netdata.db", "bolt");
    CHECK(remove_leftovers(places).value().size() == 7);
    CHECK(names_in(folder.path + "/state") ==
          std::vector<std::string>{"weave-netdata.db", "weave-netweft.moved"});
  }
  CHECK(names_in(places.cni_conf_dir) == std::vector<std::string>{"05-other.conf"});
  CHECK(names_in(places.cni_bin_dir) == std::vector<std::string>{"portmap"});
  CHECK(remove_leftovers(places).value().empty());
}

TEST_CASE("leftovers: what cannot be removed is told") {
  const Folder folder;
  fs::create_directories(folder.path + "/conf/10-weave.conflist/not-empty");
  CHECK_FALSE(remove_leftovers({.cni_conf_dir = folder.path + "/conf",
                                .cni_bin_dir = folder.path + "/bin",
                                .db_prefix = folder.path + "/w"}));
}
