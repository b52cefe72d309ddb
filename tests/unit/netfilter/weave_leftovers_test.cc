// SPDX-License-Identifier: Apache-2.0
#include "router/netfilter/core/weave_leftovers.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "base/text.h"
#include "tests/unit/netfilter/weave_rules.h"

namespace weft::netfilter {
namespace {

std::vector<IptablesTable> parsed(std::string_view text) {
  return parse_iptables_save(text).value();
}

// The lines of the plan that delete from the chain.
std::vector<std::string> deletions(const Removal& plan, std::string_view chain) {
  std::vector<std::string> out;
  const std::string lead = "-D " + std::string(chain) + " ";
  for (std::string_view line : split(plan.input, '\n')) {
    if (line.starts_with(lead)) out.emplace_back(line.substr(lead.size()));
  }
  return out;
}

// What the tables hold after the plan: a model of iptables-restore --noflush.
std::vector<IptablesTable> after(std::vector<IptablesTable> tables, const Removal& plan) {
  IptablesTable* table = nullptr;
  for (std::string_view line : split(plan.input, '\n')) {
    if (line.starts_with('*')) {
      table = &*std::find_if(tables.begin(), tables.end(),
                             [&](const IptablesTable& t) { return t.name == line.substr(1); });
    }
    const std::string name(line.substr(std::min<std::size_t>(3, line.size())));
    if (line.starts_with("-F ")) {
      std::erase_if(table->rules, [&](const IptablesRule& r) { return r.chain == name; });
    } else if (line.starts_with("-X ")) {
      for (const IptablesRule& rule : table->rules)
        CHECK(rule.option("-j") != name);  // iptables deletes no chain that is in use
      CHECK(std::erase_if(table->chains, [&](const IptablesChain& c) { return c.name == name; }) ==
            1);
    } else if (line.starts_with("-D ")) {
      const auto rule = std::find_if(table->rules.begin(), table->rules.end(),
                                     [&](const auto& r) { return r.chain + " " + r.text == name; });
      REQUIRE(rule != table->rules.end());
      table->rules.erase(rule);
    }
  }
  return tables;
}

TEST_CASE("leftovers: of a recorded host nothing remains but the tables") {
  const auto tables = parsed(kRecorded);
  const Removal plan = plan_weave_removal(tables, "weave");
  CHECK(plan.rules == 6);
  CHECK(plan.chains == 5);
  for (const IptablesTable& table : after(tables, plan)) {
    CHECK(table.rules.empty());
    for (const IptablesChain& chain : table.chains)
      CHECK(chain.policy == "ACCEPT");
  }
}

TEST_CASE("leftovers: with policies, what is others' stays and what is Weave's goes") {
  const auto tables = parsed(kWithPolicies);
  const auto rest = after(tables, plan_weave_removal(tables, "weave"));
  const IptablesTable& filter = *find_table(rest, "filter");
  std::vector<std::string> left;
  for (const IptablesRule& rule : filter.rules)
    left.push_back(rule.chain + ": " + rule.joined());
  const std::vector<std::string> expected{
      "INPUT: -i eth1 -p udp --dport 53 -j ACCEPT",
      "FORWARD: --comment kubernetes forwarding rules -j KUBE-FORWARD",
      "FORWARD: -j DOCKER-USER",
      "FORWARD: -o weave --comment the admin's own -j DROP",
      "FORWARD: -o weave2 -j DROP",
      "KUBE-FORWARD: --ctstate INVALID -j DROP"};
  CHECK(left == expected);
  CHECK(find_table(rest, "mangle")->rules.empty());
  CHECK(find_table(rest, "mangle")->chains.size() == 4);  // three built in, and the kubelet's
  CHECK(filter.chains.size() == 5);
}

TEST_CASE("leftovers: bridge: rules for another bridge are not touched") {
  const Removal plan = plan_weave_removal(parsed(kRecorded), "weft");
  CHECK(deletions(plan, "FORWARD") == std::vector<std::string>{"-o weave -j WEAVE-EXPOSE"});
}

TEST_CASE("leftovers: our own accepts, and chains that only resemble Weave's, stay") {
  const auto tables = parsed(
      "*filter\n:FORWARD DROP [0:0]\n:WEAVER - [0:0]\n:WEAVE-NPCX - [0:0]\n"
      "-A FORWARD -i weave -m comment --comment \"weft: pods of the bridge weave\" -j ACCEPT\n"
      "-A FORWARD -j WEAVER\nCOMMIT\n");
  CHECK(plan_weave_removal(tables, "weave").input.empty());
}

TEST_CASE("leftovers: a host without Weave needs nothing") {
  CHECK(plan_weave_removal({}, "weave").input.empty());
  CHECK(plan_weave_set_removal("").input.empty());
  CHECK(plan_weave_set_removal("KUBE-LOOP-BACK\nweaver\n").input.empty());
}

TEST_CASE("leftovers: sets: all are emptied before the first is destroyed") {
  const Removal plan =
      plan_weave_set_removal("weave-k?Z;25^M}|1s7P3|H9i;*;MhG\nmine\nweaver-no-masq-local\n");
  CHECK(plan.input ==
        "flush weave-k?Z;25^M}|1s7P3|H9i;*;MhG\nflush weaver-no-masq-local\n"
        "destroy weave-k?Z;25^M}|1s7P3|H9i;*;MhG\ndestroy weaver-no-masq-local\n");
  CHECK(plan.chains == 2);
}

TEST_CASE("iptables-save: quotes and escapes are undone in words and kept in the text") {
  const auto tables = parsed(
      "*filter\n-A FORWARD -m comment --comment \"a \\\"b\\\" \\\\c\" -m mark --mark 0x1 -j X\n");
  const IptablesRule& rule = tables[0].rules[0];
  CHECK(rule.words ==
        std::vector<std::string>{"--comment", "a \"b\" \\c", "--mark", "0x1", "-j", "X"});
  CHECK(rule.text == "-m comment --comment \"a \\\"b\\\" \\\\c\" -m mark --mark 0x1 -j X");
}

TEST_CASE("iptables-save: what is none is an error, not a guess") {
  CHECK_FALSE(bool(parse_iptables_save("-A FORWARD -j DROP\n")));
  CHECK_FALSE(bool(parse_iptables_save("*filter\nnonsense\n")));
  CHECK_FALSE(bool(parse_iptables_save("*filter\n:FORWARD\n")));
  CHECK_FALSE(bool(parse_iptables_save("*filter\n-A  x\n")));
  CHECK(parse_iptables_save("")->empty());
}

}  // namespace
}  // namespace weft::netfilter
