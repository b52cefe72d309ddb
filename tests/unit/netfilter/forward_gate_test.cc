// SPDX-License-Identifier: Apache-2.0
#include "router/netfilter/core/forward_gate.h"

#include <doctest/doctest.h>

#include "tests/unit/netfilter/weave_rules.h"

namespace weft::netfilter {
namespace {

IptablesTable filter(const std::string& policy, const std::string& rules,
                     const std::string& chains = "") {
  const std::string text = "*filter\n:FORWARD " + policy + " [0:0]\n" + chains + rules + "COMMIT\n";
  return parse_iptables_save(text).value()[0];
}

std::string plan(const IptablesTable& table) {
  return render_iptables(table, judge(iptables_gate(table).value(), "weave"), "weave");
}

constexpr const char* kIn =
    "-i weave -m comment --comment \"weft: pods of the bridge weave\" -j ACCEPT\n";
constexpr const char* kOut =
    "-o weave -m comment --comment \"weft: pods of the bridge weave\" -j ACCEPT\n";

std::string inserted(int place) {
  const std::string lead = "-I FORWARD " + std::to_string(place) + " ";
  return lead + kOut + lead + kIn;
}

TEST_CASE("forward gate: a chain that lets pass is left alone") {
  CHECK(plan(filter("ACCEPT", "-A FORWARD -i eth0 -j DROP\n")).empty());
}

TEST_CASE("forward gate: a policy that drops: the pair goes behind the last rule") {
  CHECK(plan(filter("DROP", "-A FORWARD -i docker0 -j ACCEPT\n")) ==
        "*filter\n" + inserted(2) + "COMMIT\n");
}

TEST_CASE("forward gate: a rule that rejects all: the pair goes in front of it") {
  CHECK(plan(filter("ACCEPT",
                    "-A FORWARD -i docker0 -j ACCEPT\n"
                    "-A FORWARD -m comment --comment \"no more\" -j REJECT --reject-with x\n"
                    "-A FORWARD -i eth0 -j ACCEPT\n")) == "*filter\n" + inserted(2) + "COMMIT\n");
}

TEST_CASE("forward gate: a jump, over two chains, to one that drops all is one that drops all") {
  const auto table = filter("ACCEPT",
                            "-A FORWARD -j last\n-A first -j DROP\n-A last -i eth0 -j ACCEPT\n"
                            "-A last -g first\n",
                            ":first - [0:0]\n:last - [0:0]\n");
  CHECK(plan(table) == "*filter\n" + inserted(1) + "COMMIT\n");
}

TEST_CASE("forward gate: chains that jump to one another in a ring end the search") {
  const auto table =
      filter("ACCEPT", "-A FORWARD -j a\n-A a -j b\n-A b -j a\n", ":a - [0:0]\n:b - [0:0]\n");
  CHECK(plan(table).empty());
}

TEST_CASE("forward gate: the pair in its place is accepted and asks for nothing") {
  const auto table = filter("DROP", std::string("-A FORWARD ") + kIn + "-A FORWARD " + kOut);
  const GateVerdict verdict = judge(iptables_gate(table).value(), "weave");
  CHECK(verdict.accepted);
  CHECK(verdict.need == GateNeed::nothing);
}

TEST_CASE("forward gate: a pair behind what drops, half a pair, a third rule: made anew") {
  const std::string in = std::string("-A FORWARD ") + kIn;
  const std::string out = std::string("-A FORWARD ") + kOut;
  const std::string del_in = std::string("-D FORWARD ") + kIn;
  const std::string del_out = std::string("-D FORWARD ") + kOut;
  CHECK(plan(filter("ACCEPT", "-A FORWARD -j DROP\n" + in + out)) ==
        "*filter\n" + del_in + del_out + inserted(1) + "COMMIT\n");
  CHECK(plan(filter("DROP", "-A FORWARD -i a -j ACCEPT\n" + in)) ==
        "*filter\n" + del_in + inserted(2) + "COMMIT\n");
  CHECK(plan(filter("DROP", in + out + out)) ==
        "*filter\n" + del_in + del_out + del_out + inserted(1) + "COMMIT\n");
}

TEST_CASE("forward gate: an owner that does not drop any more: the pair is taken back") {
  const std::string pair = std::string("-A FORWARD ") + kIn + "-A FORWARD " + kOut;
  CHECK(plan(filter("ACCEPT", pair)) ==
        std::string("*filter\n-D FORWARD ") + kIn + "-D FORWARD " + kOut + "COMMIT\n");
}

TEST_CASE("forward gate: a pair for another bridge is replaced") {
  const auto table =
      filter("DROP",
             "-A FORWARD -i b -m comment --comment \"weft: pods of the bridge b\" -j ACCEPT\n"
             "-A FORWARD -o b -m comment --comment \"weft: pods of the bridge b\" -j ACCEPT\n");
  const GateVerdict verdict = judge(iptables_gate(table).value(), "weave");
  CHECK(verdict.need == GateNeed::insert);
  CHECK(verdict.ours.size() == 2);
}

constexpr const char* kChains = R"({"nftables": [{"metainfo": {"version": "1.0.6"}},
  {"chain": {"family": "inet", "table": "firewalld", "name": "filter_FORWARD", "handle": 1,
             "type": "filter", "hook": "forward", "prio": 10, "policy": "accept"}},
  {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "handle": 1,
             "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}},
  {"chain": {"family": "ip", "table": "weft", "name": "forward", "handle": 1,
             "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
  {"chain": {"family": "bridge", "table": "b", "name": "f", "handle": 1,
             "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}},
  {"chain": {"family": "ip", "table": "mine", "name": "in", "handle": 1,
             "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}]})";

constexpr const char* kTable = R"({"nftables": [
  {"table": {"family": "inet", "name": "firewalld", "handle": 1}},
  {"chain": {"family": "inet", "table": "firewalld", "name": "filter_FORWARD", "handle": 1,
             "type": "filter", "hook": "forward", "prio": 10, "policy": "accept"}},
  {"chain": {"family": "inet", "table": "firewalld", "name": "zones", "handle": 2}},
  {"rule": {"family": "inet", "table": "firewalld", "chain": "filter_FORWARD", "handle": 5,
            "expr": [{"match": {"op": "in", "left": {"ct": {"key": "state"}},
                                "right": "established"}}, {"accept": null}]}},
  {"rule": {"family": "inet", "table": "firewalld", "chain": "filter_FORWARD", "handle": 6,
            "expr": [{"counter": {"packets": 0, "bytes": 0}}, {"jump": {"target": "zones"}}]}},
  {"rule": {"family": "inet", "table": "firewalld", "chain": "zones", "handle": 8,
            "expr": [{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}]}}]})";

TEST_CASE("forward gate: nft: only foreign filters of IPv4 at the forward hook are looked at") {
  CHECK(foreign_forward_chains(kChains).value() ==
        std::vector<NftChainName>{{"inet", "firewalld", "filter_FORWARD"}});
}

TEST_CASE("forward gate: nft: the pair goes in front of the jump to what rejects all") {
  const NftGate gate = nft_gate({"inet", "firewalld", "filter_FORWARD"}, kTable).value();
  const GateVerdict verdict = judge(gate.gate, "weave");
  CHECK(verdict.need == GateNeed::insert);
  CHECK(verdict.before == 1);
  const std::string text = render_nft(gate, verdict, "weave");
  CHECK(text.find(R"("insert":{"rule":)") != std::string::npos);
  CHECK(text.find(R"("handle":6)") != std::string::npos);
  CHECK(text.find("weft: pods of the bridge weave") != std::string::npos);
}

TEST_CASE("forward gate: nft: what is no such JSON is an error") {
  for (const char* text : {"", "[]", "{}", R"({"nftables": 1})", "{\"nftables\": ["}) {
    CHECK_FALSE(bool(foreign_forward_chains(text)));
    CHECK_FALSE(bool(nft_gate({"ip", "t", "c"}, text)));
  }
  const char* odd = R"({"nftables": [1, {"chain": 2}, {"rule": {"expr": [3, {"jump": 4}]}}]})";
  CHECK(foreign_forward_chains(odd)->empty());
  CHECK(judge(nft_gate({"ip", "t", "c"}, odd)->gate, "weave").need == GateNeed::nothing);
}

}  // namespace
}  // namespace weft::netfilter
