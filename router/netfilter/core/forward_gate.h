// SPDX-License-Identifier: Apache-2.0
// Another owner's filter at the forward hook: does it drop what is ours, and where must our pair of
// accepts stand? An accept in our own table does not override a drop in another, and each table is
// asked. Pure; the two kinds of rules, iptables' and nftables', are brought into one form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "router/netfilter/core/iptables_text.h"

namespace weft::netfilter {

// Begins the comment of every rule of ours among others'.
inline constexpr std::string_view kOurComment = "weft: pods of the bridge ";

// What a rule does to a packet that nothing has been asked about.
struct GateRule {
  bool for_all = false;      // no condition stands before its verdict
  bool drops = false;        // or rejects
  std::string jumps_to;      // empty: it does not
  std::string comment;       // as it is written in the rule
  std::uint64_t handle = 0;  // nftables' number of it
};

struct Gate {
  bool policy_drops = false;
  std::string chain;  // at the hook
  std::map<std::string, std::vector<GateRule>> rules;
};

// Where all that comes so far is dropped: the place of a rule from 0, or behind the last one.
// nullopt: nowhere.
std::optional<std::size_t> drops_at(const Gate& gate);

enum class GateNeed { nothing, insert, remove };
struct GateVerdict {
  GateNeed need = GateNeed::nothing;
  bool accepted = false;  // a pair of ours is in place and needed
  std::size_t before =
      0;  // insert: in front of this rule, counted without ours; or behind the last
  std::vector<std::size_t> ours;  // places of rules of ours, which go before anything is inserted
};
// Our pair belongs right in front of what drops all: what its owner decides before that stays
// decided.
GateVerdict judge(const Gate& gate, std::string_view bridge);

// The filter table of iptables-save; nullopt if it has no FORWARD.
std::optional<Gate> iptables_gate(const IptablesTable& filter);
// Input for iptables-restore --noflush that does what the verdict asks; empty: nothing.
std::string render_iptables(const IptablesTable& filter, const GateVerdict& verdict,
                            std::string_view bridge);

struct NftGate {
  std::string family;
  std::string table;
  Gate gate;
};
struct NftChainName {
  std::string family;
  std::string table;
  std::string chain;
  friend bool operator==(const NftChainName&, const NftChainName&) = default;
};
// From `nft -j list chains`: filters for IPv4 at the forward hook that are neither ours nor
// iptables'.
Result<std::vector<NftChainName>> foreign_forward_chains(const std::string& text);
// From `nft -j list table …` of the chain's table.
Result<NftGate> nft_gate(const NftChainName& name, const std::string& text);
// Commands for libnftables in JSON; empty: nothing.
std::string render_nft(const NftGate& gate, const GateVerdict& verdict, std::string_view bridge);

}  // namespace weft::netfilter
