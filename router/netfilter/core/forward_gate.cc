// SPDX-License-Identifier: Apache-2.0
#include "router/netfilter/core/forward_gate.h"

#include <algorithm>
#include <set>

namespace weft::netfilter {
namespace {

bool is_ours(const GateRule& rule) {
  return std::string_view(rule.comment).starts_with(kOurComment);
}

// Does this rule drop all that comes to it, given the chains of which that is known?
bool drops_all(const GateRule& rule, const std::set<std::string>& dropping) {
  return rule.for_all && (rule.drops || dropping.contains(rule.jumps_to));
}

// Chains that let nothing back which no condition has let through, by repetition until none is
// added: a jump may lead to a chain that is listed later.
std::set<std::string> dropping_chains(const Gate& gate) {
  std::set<std::string> out;
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [name, rules] : gate.rules) {
      if (name == gate.chain || out.contains(name)) continue;
      grown |= std::any_of(rules.begin(), rules.end(),
                           [&](const GateRule& rule) { return drops_all(rule, out); }) &&
               out.insert(name).second;
    }
  }
  return out;
}

const std::vector<GateRule>& at_hook(const Gate& gate) {
  static const std::vector<GateRule> kNone;
  const auto found = gate.rules.find(gate.chain);
  return found == gate.rules.end() ? kNone : found->second;
}

constexpr std::string_view kReject = "REJECT";

GateRule iptables_rule(const IptablesRule& rule, const IptablesTable& filter) {
  std::string_view target = rule.option("-j");
  if (target.empty()) target = rule.option("-g");
  // A comment asks nothing.
  const std::size_t first = !rule.words.empty() && rule.words[0] == "--comment" ? 2 : 0;
  const bool verdict_first =
      rule.words.size() > first && (rule.words[first] == "-j" || rule.words[first] == "-g");
  const bool is_chain =
      std::any_of(filter.chains.begin(), filter.chains.end(),
                  [&](const IptablesChain& chain) { return chain.name == target; });
  return {.for_all = verdict_first,
          .drops = target == "DROP" || target == kReject,
          .jumps_to = is_chain ? std::string(target) : "",
          .comment = std::string(rule.option("--comment"))};
}

std::string iptables_accept(std::string_view direction, std::string_view bridge) {
  return std::string(direction) + " " + std::string(bridge) + " -m comment --comment \"" +
         std::string(kOurComment) + std::string(bridge) + "\" -j ACCEPT";
}

}  // namespace

std::optional<std::size_t> drops_at(const Gate& gate) {
  const auto dropping = dropping_chains(gate);
  const std::vector<GateRule>& rules = at_hook(gate);
  const auto at = std::find_if(rules.begin(), rules.end(),
                               [&](const GateRule& rule) { return drops_all(rule, dropping); });
  if (at == rules.end() && !gate.policy_drops) return std::nullopt;
  return static_cast<std::size_t>(at - rules.begin());
}

GateVerdict judge(const Gate& gate, std::string_view bridge) {
  GateVerdict out;
  const std::string comment = std::string(kOurComment) + std::string(bridge);
  const std::vector<GateRule>& rules = at_hook(gate);
  bool only_this_bridge = true;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!is_ours(rules[i])) continue;
    out.ours.push_back(i);
    only_this_bridge &= rules[i].comment == comment;
  }
  const auto at = drops_at(gate);
  if (!at) {
    out.need = out.ours.empty() ? GateNeed::nothing : GateNeed::remove;
    return out;
  }
  const auto in_front = static_cast<std::size_t>(
      std::count_if(out.ours.begin(), out.ours.end(), [&](std::size_t i) { return i < *at; }));
  out.accepted = out.ours.size() == 2 && in_front == 2 && only_this_bridge;
  if (out.accepted) return out;
  out.need = GateNeed::insert;
  out.before = *at - in_front;
  return out;
}

std::optional<Gate> iptables_gate(const IptablesTable& filter) {
  const auto forward = std::find_if(filter.chains.begin(), filter.chains.end(),
                                    [](const IptablesChain& c) { return c.name == "FORWARD"; });
  if (forward == filter.chains.end()) return std::nullopt;
  Gate gate{.policy_drops = forward->policy == "DROP", .chain = "FORWARD", .rules = {}};
  for (const IptablesRule& rule : filter.rules)
    gate.rules[rule.chain].push_back(iptables_rule(rule, filter));
  return gate;
}

std::string render_iptables(const IptablesTable& filter, const GateVerdict& verdict,
                            std::string_view bridge) {
  if (verdict.need == GateNeed::nothing) return "";
  std::string out = "*filter\n";
  std::size_t place = 0;
  for (const IptablesRule& rule : filter.rules) {
    if (rule.chain != "FORWARD") continue;
    if (std::find(verdict.ours.begin(), verdict.ours.end(), place) != verdict.ours.end()) {
      out += "-D FORWARD " + rule.text + "\n";
    }
    ++place;
  }
  if (verdict.need == GateNeed::insert) {
    // iptables counts from 1; one more than there are rules means behind the last.
    out += "-I FORWARD " + std::to_string(verdict.before + 1) + " " +
           iptables_accept("-o", bridge) + "\n-I FORWARD " + std::to_string(verdict.before + 1) +
           " " + iptables_accept("-i", bridge) + "\n";
  }
  return out + "COMMIT\n";
}

}  // namespace weft::netfilter
