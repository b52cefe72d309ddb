// SPDX-License-Identifier: Apache-2.0
#include "router/netfilter/core/weave_leftovers.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace weft::netfilter {
namespace {

constexpr std::string_view kControlPortComment = "Block non-local access to Weave Net control port";
// Marks what IPsec is to carry.
constexpr std::string_view kIpsecMark = "0x20000/0x20000";
constexpr std::string_view kNoMasqueradeSet = "weaver-no-masq-local";

bool jumps_to_weave(const IptablesRule& rule) {
  return is_weave_chain(rule.option("-j")) || is_weave_chain(rule.option("-g"));
}

// Weave's own in FORWARD: between bridge and world, and behind weave-npc what it did not accept.
bool is_forwarding(const IptablesRule& rule, const std::string& bridge) {
  const std::string text = rule.joined();
  const std::array known{"-i " + bridge + " -o " + bridge + " -j ACCEPT",
                         "-i " + bridge + " ! -o " + bridge + " -j ACCEPT",
                         "-o " + bridge + " --ctstate RELATED,ESTABLISHED -j ACCEPT",
                         "-o " + bridge + " --state NEW -j NFLOG --nflog-group 86",
                         "-o " + bridge + " --ctstate NEW -j NFLOG --nflog-group 86",
                         "-o " + bridge + " -j DROP"};
  if (std::find(known.begin(), known.end(), text) != known.end()) return true;
  const std::string_view from = rule.option("-i");  // Docker's bridge, which may not reach Weave's
  return !from.empty() && text == "-i " + std::string(from) + " -o " + bridge + " -j DROP";
}

// Docker's containers may not reach the router's own ports.
bool guards_ports(const IptablesRule& rule) {
  const std::string_view port = rule.option("--dport");
  return rule.words.size() == 10 && rule.option("-j") == "DROP" && !rule.option("-i").empty() &&
         !rule.option("-d").empty() && (port == "6783" || port == "6784") &&
         (rule.option("-p") == "tcp" || rule.option("-p") == "udp");
}

// Names are served to them, by weaveDNS.
bool lets_names_in(const IptablesRule& rule) {
  return rule.words.size() == 8 && rule.option("-j") == "ACCEPT" &&
         rule.option("--dport") == "53" && !rule.option("-i").empty() && !rule.option("-p").empty();
}

bool guards_ipsec(const IptablesRule& rule) {
  return rule.option("-j") == "DROP" && rule.option("--mark") == kIpsecMark &&
         rule.option("--pol") == "none";
}

class Plan {
 public:
  Plan(const IptablesTable& table, std::string_view bridge) : table_(table), bridge_(bridge) {
    for (const IptablesRule& rule : table.rules) {
      if (rule.chain == "INPUT" && guards_ports(rule)) docker_ = rule.option("-i");
    }
  }

  void add_to(Removal& out) const {
    std::string rules;
    std::string chains;
    for (const IptablesRule& rule : table_.rules) {
      if (is_weave_chain(rule.chain) || !is_weaves(rule)) continue;
      rules += "-D " + rule.chain + " " + rule.text + "\n";
      ++out.rules;
    }
    for (const std::string_view verb : {"-F ", "-X "}) {
      for (const IptablesChain& chain : table_.chains) {
        if (is_weave_chain(chain.name)) chains += std::string(verb) + chain.name + "\n";
      }
    }
    out.chains += static_cast<std::size_t>(
        std::count_if(table_.chains.begin(), table_.chains.end(),
                      [](const IptablesChain& c) { return is_weave_chain(c.name); }));
    if (rules.empty() && chains.empty()) return;
    out.input += "*" + table_.name + "\n" + rules + chains + "COMMIT\n";
  }

 private:
  bool is_weaves(const IptablesRule& rule) const {
    if (jumps_to_weave(rule)) return true;
    if (table_.name != "filter") return false;
    if (rule.chain == "FORWARD") return is_forwarding(rule, bridge_);
    if (rule.chain == "OUTPUT") return guards_ipsec(rule);
    if (rule.chain != "INPUT") return false;
    if (rule.option("--comment") == kControlPortComment || guards_ports(rule)) return true;
    // Anybody may have this one; it is Weave's where Weave guards its ports from the same bridge.
    return !docker_.empty() && lets_names_in(rule) && rule.option("-i") == docker_;
  }

  const IptablesTable& table_;
  std::string bridge_;
  std::string docker_;  // the bridge that Weave was told of
};

}  // namespace

bool is_weave_chain(std::string_view name) {
  constexpr std::array kNames{std::string_view("WEAVE"), std::string_view("WEAVE-CANARY"),
                              std::string_view("WEAVE-EXPOSE"), std::string_view("WEAVE-NPC")};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() ||
         name.starts_with("WEAVE-NPC-") || name.starts_with("WEAVE-IPSEC-");
}

Removal plan_weave_removal(const std::vector<IptablesTable>& tables, std::string_view bridge) {
  Removal out;
  for (const IptablesTable& table : tables)
    Plan(table, bridge).add_to(out);
  return out;
}

Removal plan_weave_set_removal(std::string_view names) {
  Removal out;
  std::string members;
  std::string sets;
  for (std::string_view name : split(names, '\n')) {
    name = trim(name);
    if (!name.starts_with("weave-") && name != kNoMasqueradeSet) continue;
    members += "flush " + std::string(name) + "\n";
    sets += "destroy " + std::string(name) + "\n";
    ++out.chains;
  }
  out.input = members + sets;
  return out;
}

}  // namespace weft::netfilter
