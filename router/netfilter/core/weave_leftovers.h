// SPDX-License-Identifier: Apache-2.0
// What Weave Net 2.8 leaves in iptables and ipset when it goes, and how to take it away: pure.
// Among it are DROPs that would go on to block pods, since nobody maintains their exceptions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "router/netfilter/core/iptables_text.h"

namespace weft::netfilter {

// Is a chain of this name Weave's? WEAVE, WEAVE-NPC and the like.
bool is_weave_chain(std::string_view name);

struct Removal {
  // For iptables-restore --noflush or for ipset restore; empty: there is nothing to remove.
  std::string input;
  std::size_t rules = 0;   // of ours among other owners' chains
  std::size_t chains = 0;  // or, for sets, their number
};

// All of Weave's chains, the jumps to them, and those of its rules that stand in built-in chains by
// themselves. Those are known by their exact text; a rule with a comment, but for Weave's one, is
// somebody else's. One transaction per table.
Removal plan_weave_removal(const std::vector<IptablesTable>& tables, std::string_view bridge);

// From the output of `ipset list -name`. Members go first, since sets are members of sets.
Removal plan_weave_set_removal(std::string_view names);

}  // namespace weft::netfilter
