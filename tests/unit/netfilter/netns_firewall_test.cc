// SPDX-License-Identifier: Apache-2.0
// With the real programs of both backends, in a namespace of the test's own.
#include <array>

#include <doctest/doctest.h>

#include "router/netfilter/host_firewall.h"
#include "router/netfilter/iptables.h"
#include "tests/unit/linux/test_netns.h"
#include "tests/unit/netfilter/weave_rules.h"

namespace weft::netfilter {
namespace {

using linux_net::contains;
using linux_net::shell;
using linux_net::TestNs;

// The test's thread lives in a namespace of its own for as long as this does.
class Inside {
 public:
  explicit Inside(const TestNs& ns) : entered_(linux_net::NetNsScope::enter(ns.open())) {}
  bool ok() const { return bool(entered_); }

 private:
  Result<linux_net::NetNsScope> entered_;
};

bool has_programs() {
  for (const char* name : {"iptables-legacy-save", "iptables-nft-save", "ipset"}) {
    if (contains(shell("command -v " + std::string(name)), "exit status")) return false;
  }
  return true;
}

void feed(const std::string& program, std::string_view input) {
  const std::string said = shell(program + " <<'EOF'\n" + std::string(input) + "EOF");
  REQUIRE_MESSAGE(said.empty(), said);
}

constexpr std::array kBackends{"iptables-legacy", "iptables-nft"};

// What a restore needs before the rules: the sets that they name.
void make_sets() {
  feed("ipset restore",
       "create weave-;rGqyMIl1HN^cfDki~Z$3]6!N hash:ip\n"
       "create weave-k?Z;25^M}|1s7P3|H9i;*;MhG list:set\n"
       "add weave-k?Z;25^M}|1s7P3|H9i;*;MhG weave-;rGqyMIl1HN^cfDki~Z$3]6!N\n"
       "create weaver-no-masq-local hash:net\ncreate mine hash:ip\n");
}

TEST_CASE("firewall: weave: its rules, chains and sets go from both backends, others' stay") {
  if (!linux_net::can_make_namespaces() || !has_programs()) return;
  const TestNs ns("fw");
  const Inside inside(ns);
  REQUIRE(inside.ok());
  for (const char* backend : kBackends) {
    CAPTURE(backend);
    const std::string name(backend);
    make_sets();
    feed(name + "-restore", kWithPolicies);
    shell(name + " -t nat -N WEAVE; " + name + " -t nat -A POSTROUTING -j WEAVE");
    const WeaveRemoved removed = remove_weave("weave");
    CHECK(removed.problems.empty());
    CHECK(removed.rules == 16);
    CHECK(removed.chains == 11);
    CHECK(removed.sets == 3);
    CHECK(shell(name + "-save 2>/dev/null | grep -ci weave-").substr(0, 2) == "0\n");
    CHECK(contains(shell(name + " -S FORWARD"), "s own\" -j DROP"));
    CHECK(contains(shell(name + " -S INPUT"), "-i eth1 -p udp"));
    CHECK(contains(shell(name + " -t mangle -S"), "KUBE-KUBELET-CANARY"));
    CHECK(shell("ipset list -name") == "mine\n");
    CHECK_FALSE(remove_weave("weave").any());
    shell("ipset destroy mine; " + name + " -F; " + name + " -X");
  }
}

TEST_CASE("firewall: weave: the recorded host is left with empty tables") {
  if (!linux_net::can_make_namespaces() || !has_programs()) return;
  const TestNs ns("fr");
  const Inside inside(ns);
  REQUIRE(inside.ok());
  for (const char* backend : kBackends) {
    const std::string name(backend);
    feed(name + "-restore", kRecorded);
    CHECK(remove_weave("weave").rules == 6);
    CHECK(shell(name + "-save 2>/dev/null | grep -c '^-A\\|WEAVE'").substr(0, 2) == "0\n");
  }
}

TEST_CASE("firewall: docker's policy: a pair of accepts, put back after a flush, taken away") {
  if (!linux_net::can_make_namespaces() || !has_programs()) return;
  const TestNs ns("fd");
  const Inside inside(ns);
  REQUIRE(inside.ok());
  for (const char* backend : kBackends) {
    CAPTURE(backend);
    const std::string name(backend);
    const std::string place = name + " FORWARD";
    shell(name + " -P FORWARD DROP; " + name + " -A FORWARD -i docker0 -j ACCEPT");
    const Forwarding first = accept_forwarding("weave");
    CHECK(first.problems.empty());
    CHECK(first.changed == std::vector<std::string>{place});
    CHECK(first.accepted_in == std::vector<std::string>{place});
    const std::string rules = shell(name + " -S FORWARD");
    CHECK(contains(rules, "-i docker0 -j ACCEPT\n-A FORWARD -i weave -m comment"));
    const Forwarding again = accept_forwarding("weave");
    CHECK(again.changed.empty());
    CHECK(again.accepted_in == std::vector<std::string>{place});
    shell(name + " -F FORWARD");
    CHECK(accept_forwarding("weave").changed == std::vector<std::string>{place});
    CHECK(withdraw_forwarding().empty());
    CHECK(shell(name + " -S FORWARD 2>/dev/null") == "-P FORWARD DROP\n");
    shell(name + " -P FORWARD ACCEPT");
  }
}

// The shape of firewalld's rules.
constexpr std::string_view kFirewalld = R"(table inet firewalld {
  chain zones { goto public; }
  chain public { ct state invalid drop; reject with icmpx type admin-prohibited; }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state established,related accept
    jump zones
  }
}
)";

TEST_CASE("firewall: firewalld: the accepts stand where its table would reject") {
  if (!linux_net::can_make_namespaces() || !has_programs()) return;
  const TestNs ns("ff");
  const Inside inside(ns);
  REQUIRE(inside.ok());
  // nft wants chains before what jumps to them.
  feed("nft -f -", "table inet firewalld { chain zones {}; chain public {}; }\n");
  feed("nft -f -", kFirewalld);
  const Forwarding first = accept_forwarding("weave");
  CHECK(first.problems.empty());
  const std::vector<std::string> place{"nft inet firewalld filter_FORWARD"};
  CHECK(first.changed == place);
  const std::string rules = shell("nft list chain inet firewalld filter_FORWARD");
  const auto accepted = rules.find("iifname \"weave\" accept comment \"weft: pods of the bridge");
  CHECK(accepted != std::string::npos);
  CHECK(accepted < rules.find("jump zones"));
  CHECK(rules.find("ct state") < accepted);
  CHECK(accept_forwarding("weave").changed.empty());
  CHECK(accept_forwarding("weave").accepted_in == place);
  CHECK(withdraw_forwarding().empty());
  CHECK_FALSE(contains(shell("nft list ruleset"), "weft"));
}

TEST_CASE("firewall: a host whose rules let pass is not touched, and legacy tables not made") {
  if (!linux_net::can_make_namespaces() || !has_programs()) return;
  const TestNs ns("fn");
  const Inside inside(ns);
  REQUIRE(inside.ok());
  const Forwarding looked = accept_forwarding("weave");
  CHECK(looked.problems.empty());
  CHECK(looked.accepted_in.empty());
  CHECK_FALSE(remove_weave("weave").any());
  CHECK(shell("cat /proc/thread-self/net/ip_tables_names").empty());
  CHECK(shell("nft list ruleset").empty());
}

}  // namespace
}  // namespace weft::netfilter
