// SPDX-License-Identifier: Apache-2.0
// What iptables-save(8) prints, as values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft::netfilter {

// A node with thousands of Services has a few MB of rules.
inline constexpr std::size_t kSaveTextMax = 64UL * 1024 * 1024;

struct IptablesRule {
  std::string chain;
  std::string text;  // all behind "-A CHAIN ", as it was printed: iptables takes it back
  // The same in words, quotes taken off, without the pairs "-m MODULE", which say nothing more.
  std::vector<std::string> words;

  // What follows the option, "" if it is not there: option("-j") is the target.
  std::string_view option(std::string_view name) const;
  // The words with blanks between them.
  std::string joined() const;
  friend bool operator==(const IptablesRule&, const IptablesRule&) = default;
};

struct IptablesChain {
  std::string name;
  std::string policy;  // "ACCEPT", "DROP"; "-" for a chain that is not built in
  friend bool operator==(const IptablesChain&, const IptablesChain&) = default;
};

struct IptablesTable {
  std::string name;
  std::vector<IptablesChain> chains;
  std::vector<IptablesRule> rules;
  friend bool operator==(const IptablesTable&, const IptablesTable&) = default;
};

// bad_value: no such output; too_large: over kSaveTextMax.
Result<std::vector<IptablesTable>> parse_iptables_save(std::string_view text);
// nullptr: there is no such table.
const IptablesTable* find_table(const std::vector<IptablesTable>& tables, std::string_view name);

}  // namespace weft::netfilter
