// SPDX-License-Identifier: Apache-2.0
#include "router/netfilter/core/iptables_text.h"

#include <algorithm>

#include "base/text.h"

namespace weft::netfilter {
namespace {

// Quoted words may hold blanks; a backslash takes the meaning from what follows it.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  bool quoted = false;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      word += text[++i];
      inside = true;
    } else if (c == '"') {
      quoted = !quoted;
      inside = true;
    } else if (c == ' ' && !quoted) {
      if (inside) out.push_back(std::move(word));
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (inside) out.push_back(std::move(word));
  return out;
}

std::vector<std::string> without_modules(std::vector<std::string> words) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-m" && i + 1 < words.size()) {
      ++i;
    } else {
      out.push_back(std::move(words[i]));
    }
  }
  return out;
}

Error malformed(std::string_view what) {
  return Error{.code = Errc::bad_value, .what = what};
}

// ":FORWARD ACCEPT [0:0]"
Result<IptablesChain> parse_chain(std::string_view line) {
  const auto parts = split(line.substr(1), ' ');
  if (parts.size() < 2 || parts[0].empty())
    return malformed("iptables-save: a chain without policy");
  return IptablesChain{.name = std::string(parts[0]), .policy = std::string(parts[1])};
}

// "-A FORWARD -i weave -j ACCEPT"
Result<IptablesRule> parse_rule(std::string_view line) {
  line.remove_prefix(std::string_view("-A ").size());
  const auto end = std::min(line.find(' '), line.size());
  if (end == 0) return malformed("iptables-save: a rule without a chain");
  IptablesRule rule{.chain = std::string(line.substr(0, end)), .text = {}, .words = {}};
  rule.text = std::string(trim(line.substr(end)));
  rule.words = without_modules(words_of(rule.text));
  return rule;
}

Result<> add_line(std::string_view line, std::vector<IptablesTable>& tables) {
  if (line.empty() || line[0] == '#' || line == "COMMIT") return {};
  if (line[0] == '*') {
    tables.push_back({.name = std::string(line.substr(1)), .chains = {}, .rules = {}});
    return {};
  }
  if (tables.empty()) return malformed("iptables-save: no table is begun");
  if (line[0] == ':') {
    auto chain = parse_chain(line);
    if (!chain) return chain.error();
    tables.back().chains.push_back(std::move(*chain));
    return {};
  }
  if (!line.starts_with("-A ")) return malformed("iptables-save: an unknown kind of line");
  auto rule = parse_rule(line);
  if (!rule) return rule.error();
  tables.back().rules.push_back(std::move(*rule));
  return {};
}

}  // namespace

std::string_view IptablesRule::option(std::string_view name) const {
  const auto at = std::find(words.begin(), words.end(), name);
  return at == words.end() || at + 1 == words.end() ? std::string_view() : *(at + 1);
}

std::string IptablesRule::joined() const {
  return join(words, " ");
}

Result<std::vector<IptablesTable>> parse_iptables_save(std::string_view text) {
  if (text.size() > kSaveTextMax) {
    return Error{.code = Errc::too_large, .what = "iptables-save: more rules than we read"};
  }
  std::vector<IptablesTable> tables;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (auto added = add_line(trim(text.substr(0, end)), tables); !added) return added.error();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return tables;
}

const IptablesTable* find_table(const std::vector<IptablesTable>& tables, std::string_view name) {
  const auto at = std::find_if(tables.begin(), tables.end(),
                               [&](const IptablesTable& table) { return table.name == name; });
  return at == tables.end() ? nullptr : &*at;
}

}  // namespace weft::netfilter
