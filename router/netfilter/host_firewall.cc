// SPDX-License-Identifier: Apache-2.0
#include "router/netfilter/host_firewall.h"

#include <optional>

#include "base/text.h"
#include "router/linux/link.h"
#include "router/linux/nft.h"
#include "router/linux/ovs_datapath.h"
#include "router/netfilter/core/forward_gate.h"
#include "router/netfilter/core/weave_leftovers.h"
#include "router/netfilter/iptables.h"

namespace weft::netfilter {
namespace {

// Others change their rules meanwhile; then a part that was planned does not fit.
constexpr int kAttempts = 3;

std::string_view words(linux_net::NftFamily family) {
  return linux_net::to_string(family);
}

void remove_rules(const Iptables& iptables, std::string_view bridge, WeaveRemoved& out) {
  std::optional<Removal> first;
  for (int attempt = 0; attempt <= kAttempts; ++attempt) {
    auto text = iptables.save();
    if (!text) return out.problems.push_back(iptables.name() + ": " + to_string(text.error()));
    auto tables = parse_iptables_save(*text);
    if (!tables) return out.problems.push_back(iptables.name() + ": " + to_string(tables.error()));
    const Removal plan = plan_weave_removal(*tables, bridge);
    if (!first) first = plan;
    if (plan.input.empty()) {
      out.rules += first->rules;
      out.chains += first->chains;
      return;
    }
    if (attempt < kAttempts) static_cast<void>(iptables.restore(plan.input));
  }
  out.problems.push_back(iptables.name() + " keeps rules of Weave's: " + iptables.last_message());
}

void remove_sets(WeaveRemoved& out) {
  const Removal plan = plan_weave_set_removal(list_sets());
  if (plan.input.empty()) return;
  const std::string wrong = restore_sets(plan.input);
  if (wrong.empty()) {
    out.sets = plan.chains;
  } else {
    out.problems.push_back("ipsets of Weave's stay: " + wrong);
  }
}

// The pair's end that is plugged into the datapath goes first; the pair that libpcap reads is ours
// to adopt.
void remove_devices(std::string_view bridge, WeaveRemoved& out) {
  auto nl = linux_net::Netlink::open();
  if (!nl) return out.problems.push_back("rtnetlink: " + to_string(nl.error()));
  constexpr std::string_view kPair = "vethwe-datapath";
  if (linux_net::find_link(*nl, kPair)) {
    auto gone = linux_net::delete_link_if_present(*nl, kPair);
    if (gone) out.devices.emplace_back(kPair);
    if (!gone) out.problems.push_back(std::string(kPair) + ": " + to_string(gone.error()));
  }
  for (std::string_view name : {std::string_view("datapath"), bridge}) {
    auto gone = linux_net::delete_ovs_datapath(name);
    if (gone && *gone) out.devices.emplace_back(name);
    if (!gone) out.problems.push_back(std::string(name) + ": " + to_string(gone.error()));
  }
}

// ---- the forward gates ----

struct IptablesGate {
  const Iptables& iptables;
  IptablesTable filter;
  Gate gate;
};

std::optional<IptablesGate> read_gate(const Iptables& iptables,
                                      std::vector<std::string>& problems) {
  auto text = iptables.save("filter");
  if (!text) {
    problems.push_back(iptables.name() + ": " + to_string(text.error()));
    return std::nullopt;
  }
  auto tables = parse_iptables_save(*text);
  const IptablesTable* filter = tables ? find_table(*tables, "filter") : nullptr;
  auto gate = filter != nullptr ? iptables_gate(*filter) : std::nullopt;
  if (!gate) return std::nullopt;
  return IptablesGate{.iptables = iptables, .filter = *filter, .gate = std::move(*gate)};
}

std::vector<NftGate> read_nft_gates(linux_net::Nft& nft, std::vector<std::string>& problems) {
  std::vector<NftGate> out;
  auto list = nft.list_chains();
  if (!list) {
    problems.push_back("nft list chains: " + nft.last_message());
    return out;
  }
  auto chains = foreign_forward_chains(*list);
  if (!chains) return out;
  for (const NftChainName& chain : *chains) {
    const auto family = chain.family == words(linux_net::NftFamily::inet)
                            ? linux_net::NftFamily::inet
                            : linux_net::NftFamily::ip;
    auto table = nft.list_table(family, chain.table);
    if (!table) continue;  // gone meanwhile
    if (auto gate = nft_gate(chain, *table)) out.push_back(std::move(*gate));
  }
  return out;
}

std::string name_of(const NftGate& gate) {
  return "nft " + gate.family + " " + gate.table + " " + gate.gate.chain;
}

// All of ours, needed or not.
GateVerdict withdrawal(const Gate& gate) {
  GateVerdict verdict =
      judge({.policy_drops = false, .chain = gate.chain, .rules = gate.rules}, "");
  verdict.need = verdict.ours.empty() ? GateNeed::nothing : GateNeed::remove;
  return verdict;
}

void settle(const std::string& name, const GateVerdict& verdict, const std::string& wrong,
            Forwarding& out) {
  if (!wrong.empty()) return out.problems.push_back(name + ": " + wrong);
  if (verdict.need != GateNeed::nothing) out.changed.push_back(name);
  if (verdict.accepted || verdict.need == GateNeed::insert) out.accepted_in.push_back(name);
}

std::string carry_out(const IptablesGate& gate, const GateVerdict& verdict,
                      std::string_view bridge) {
  const std::string input = render_iptables(gate.filter, verdict, bridge);
  if (input.empty() || gate.iptables.restore(input)) return "";
  return gate.iptables.last_message();
}

std::string carry_out(linux_net::Nft& nft, const NftGate& gate, const GateVerdict& verdict,
                      std::string_view bridge) {
  const std::string input = render_nft(gate, verdict, bridge);
  if (input.empty() || nft.apply(input)) return "";
  return nft.last_message();
}

}  // namespace

std::string WeaveRemoved::text() const {
  std::vector<std::string> parts;
  if (rules + chains > 0) {
    parts.push_back(std::to_string(rules) + " rules and " + std::to_string(chains) +
                    " chains of iptables");
  }
  if (sets > 0) parts.push_back(std::to_string(sets) + " ipsets");
  if (!devices.empty()) parts.push_back("device " + join(devices, ", "));
  return join(parts, ", ");
}

WeaveRemoved remove_weave(std::string_view bridge) {
  WeaveRemoved out;
  for (const Iptables& iptables : Iptables::present())
    remove_rules(iptables, bridge, out);
  remove_sets(out);
  remove_devices(bridge, out);
  return out;
}

Forwarding accept_forwarding(std::string_view bridge) {
  Forwarding out;
  for (const Iptables& iptables : Iptables::present()) {
    auto gate = read_gate(iptables, out.problems);
    if (!gate) continue;
    const GateVerdict verdict = judge(gate->gate, bridge);
    settle(iptables.name() + " FORWARD", verdict, carry_out(*gate, verdict, bridge), out);
  }
  auto nft = linux_net::Nft::open();
  if (!nft) return out;
  for (const NftGate& gate : read_nft_gates(*nft, out.problems)) {
    const GateVerdict verdict = judge(gate.gate, bridge);
    settle(name_of(gate), verdict, carry_out(*nft, gate, verdict, bridge), out);
  }
  return out;
}

std::vector<std::string> withdraw_forwarding() {
  Forwarding out;
  for (const Iptables& iptables : Iptables::present()) {
    auto gate = read_gate(iptables, out.problems);
    if (!gate) continue;
    const GateVerdict verdict = withdrawal(gate->gate);
    settle(iptables.name() + " FORWARD", verdict, carry_out(*gate, verdict, ""), out);
  }
  auto nft = linux_net::Nft::open();
  if (!nft) return out.problems;
  for (const NftGate& gate : read_nft_gates(*nft, out.problems)) {
    const GateVerdict verdict = withdrawal(gate.gate);
    settle(name_of(gate), verdict, carry_out(*nft, gate, verdict, ""), out);
  }
  return out.problems;
}

}  // namespace weft::netfilter
