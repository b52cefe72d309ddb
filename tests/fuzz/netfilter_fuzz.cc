// SPDX-License-Identifier: Apache-2.0
// Other owners' rules, as their programs print them: nothing that is printed makes us plan rules
// for chains that are not ours to touch, and what was planned once needs no second time. And what
// the kernel lists of our own table against spoofing: whatever it is, guards are read in order.
#include <algorithm>
#include <string>

#include "base/ensure.h"
#include "base/text.h"
#include "router/linux/pod_guard.h"
#include "router/netfilter/core/forward_gate.h"
#include "router/netfilter/core/weave_leftovers.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::netfilter;

namespace {

void check_removal(const std::vector<IptablesTable>& tables) {
  const Removal plan = plan_weave_removal(tables, "weave");
  for (std::string_view line : split(plan.input, '\n')) {
    const bool whole = line.starts_with("-F ") || line.starts_with("-X ");
    ensure(!whole || is_weave_chain(line.substr(3)), "a chain that is not Weave's is emptied");
    ensure(!line.starts_with("-A") && !line.starts_with("-I"), "a removal adds");
  }
}

void check_gate(const Gate& gate) {
  const GateVerdict verdict = judge(gate, "weave");
  const auto at = gate.rules.find(gate.chain);
  const std::size_t count = at == gate.rules.end() ? 0 : at->second.size();
  ensure(verdict.before <= count, "a place behind the end");
  ensure(verdict.ours.size() <= count, "more of ours than there are");
  ensure(!verdict.accepted || verdict.need == GateNeed::nothing, "accepted, and yet not right");
}

void check_guards(const linux_net::GuardTable& table) {
  for (const linux_net::PodGuard& guard : table.guards) {
    ensure(table.find(guard.host_name) == &guard, "a name has two guards");
    ensure(std::is_sorted(guard.addresses.begin(), guard.addresses.end()), "addresses: no order");
    ensure(linux_net::render_guard_change(&guard, &guard).empty(), "the same is a change");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (auto tables = parse_iptables_save(text)) {
    check_removal(*tables);
    for (const IptablesTable& table : *tables) {
      if (auto gate = iptables_gate(table)) check_gate(*gate);
    }
  }
  static_cast<void>(plan_weave_set_removal(text));
  static_cast<void>(foreign_forward_chains(text));
  if (auto gate = nft_gate({.family = "inet", .table = "t", .chain = "c"}, text)) {
    check_gate(gate->gate);
    static_cast<void>(render_nft(*gate, judge(gate->gate, "weave"), "weave"));
  }
  check_guards(linux_net::parse_guard_table(text));
  return 0;
}
