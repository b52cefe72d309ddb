// SPDX-License-Identifier: Apache-2.0
// Other owners' rules, as their programs print them: nothing that is printed makes us plan rules
// for chains that are not ours to touch, and what was planned once needs no second time.
#include <string>

#include "base/ensure.h"
#include "base/text.h"
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
  return 0;
}
