// SPDX-License-Identifier: Apache-2.0
// nftables' side of the forward gate, in libnftables-json(5).
#include <algorithm>
#include <array>

#include "base/json/json.h"
#include "router/netfilter/core/forward_gate.h"

namespace weft::netfilter {
namespace {

using nlohmann::json;

constexpr std::string_view kOurTable = "weft";

Error malformed() {
  return Error{.code = Errc::bad_value, .what = "nftables: its JSON is not what it should be"};
}

Result<json::array_t> objects(const std::string& text) {
  json top = json::parse(text, nullptr, false);
  if (!top.is_object() || !top.contains("nftables") || !top["nftables"].is_array()) {
    return malformed();
  }
  return std::move(top["nftables"].get_ref<json::array_t&>());
}

std::string text_of(const json& object, const char* field) {
  const auto at = object.find(field);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const json* part(const json& object, const char* kind) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(kind);
  return at != object.end() && at->is_object() ? &*at : nullptr;
}

// iptables-nft keeps its rules in tables of these names, and wants them changed by itself alone.
bool is_iptables(const json& chain) {
  return text_of(chain, "family") == "ip" && text_of(chain, "table") == "filter" &&
         text_of(chain, "name") == "FORWARD";
}

// Statements that neither ask nor decide.
bool is_passive(const json& statement) {
  constexpr std::array kPassive{"counter", "log"};
  return statement.is_object() &&
         std::any_of(kPassive.begin(), kPassive.end(),
                     [&](const char* name) { return statement.contains(name); });
}

GateRule gate_rule(const json& rule) {
  GateRule out;
  out.comment = text_of(rule, "comment");
  if (const auto at = rule.find("handle"); at != rule.end() && at->is_number_unsigned()) {
    out.handle = at->get<std::uint64_t>();
  }
  const auto expression = rule.find("expr");
  if (expression == rule.end() || !expression->is_array()) return out;
  out.for_all = true;
  for (const json& statement : *expression) {
    if (is_passive(statement)) continue;
    out.drops = statement.contains("drop") || statement.contains("reject");
    for (const char* kind : {"jump", "goto"}) {
      if (const json* jump = part(statement, kind)) out.jumps_to = text_of(*jump, "target");
    }
    out.for_all = out.drops || !out.jumps_to.empty();
    break;  // a condition, or a verdict that nothing comes after
  }
  return out;
}

json accept(const NftGate& gate, const char* direction, std::string_view bridge) {
  return {{"family", gate.family},
          {"table", gate.table},
          {"chain", gate.gate.chain},
          {"comment", std::string(kOurComment) + std::string(bridge)},
          {"expr",
           {{{"match",
              {{"op", "=="},
               {"left", {{"meta", {{"key", direction}}}}},
               {"right", std::string(bridge)}}}},
            {{"accept", nullptr}}}}};
}

}  // namespace

Result<std::vector<NftChainName>> foreign_forward_chains(const std::string& text) {
  auto list = objects(text);
  if (!list) return list.error();
  std::vector<NftChainName> out;
  for (const json& object : *list) {
    const json* chain = part(object, "chain");
    if (chain == nullptr || text_of(*chain, "hook") != "forward") continue;
    const std::string family = text_of(*chain, "family");
    if (family != "ip" && family != "inet") continue;
    if (text_of(*chain, "table") == kOurTable || is_iptables(*chain)) continue;
    out.push_back({family, text_of(*chain, "table"), text_of(*chain, "name")});
  }
  return out;
}

Result<NftGate> nft_gate(const NftChainName& name, const std::string& text) {
  auto list = objects(text);
  if (!list) return list.error();
  NftGate out{.family = name.family, .table = name.table, .gate = {}};
  out.gate.chain = name.chain;
  for (const json& object : *list) {
    if (const json* chain = part(object, "chain"); chain && text_of(*chain, "name") == name.chain) {
      out.gate.policy_drops = text_of(*chain, "policy") == "drop";
    }
    if (const json* rule = part(object, "rule")) {
      out.gate.rules[text_of(*rule, "chain")].push_back(gate_rule(*rule));
    }
  }
  return out;
}

std::string render_nft(const NftGate& gate, const GateVerdict& verdict, std::string_view bridge) {
  if (verdict.need == GateNeed::nothing) return "";
  json commands = json::array();
  std::vector<GateRule> others;
  const auto found = gate.gate.rules.find(gate.gate.chain);
  const auto rules = found == gate.gate.rules.end() ? std::vector<GateRule>() : found->second;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (std::find(verdict.ours.begin(), verdict.ours.end(), i) == verdict.ours.end()) {
      others.push_back(rules[i]);
      continue;
    }
    commands.push_back({{"delete",
                         {{"rule",
                           {{"family", gate.family},
                            {"table", gate.table},
                            {"chain", gate.gate.chain},
                            {"handle", rules[i].handle}}}}}});
  }
  for (const char* direction : {"iifname", "oifname"}) {
    if (verdict.need != GateNeed::insert) break;
    json rule = accept(gate, direction, bridge);
    const bool last = verdict.before >= others.size();
    if (!last) rule["handle"] = others[verdict.before].handle;  // in front of that one
    commands.push_back({{last ? "add" : "insert", {{"rule", std::move(rule)}}}});
  }
  return json{{"nftables", std::move(commands)}}.dump();
}

}  // namespace weft::netfilter
