// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/argument_list.h"

#include <algorithm>
#include <array>

namespace weft::kube {

namespace {

// weaver's flags that take no value, and Weave's that weaver accepts with a warning.
constexpr std::array<std::string_view, 21> kSwitches{
    "--no-discovery",     "--resume",        "--pkt-debug",
    "--print-peer-name",  "--no-masq-local", "--version",
    "--no-fastdp",        "--expect-npc",    "--no-bridged-fastdp",
    "--no-dns",           "--awsvpc",        "--plugin",
    "--plugin-v2",        "--proxy",         "--plugin-v2-multicast",
    "--rewrite-inspect",  "--tls",           "--no-default-ipalloc",
    "--no-rewrite-hosts", "--without-dns",   "--no-multicast-route"};

std::string_view name_of(std::string_view flag) {
  return flag.substr(0, flag.find('='));
}

bool is_switch(std::string_view name) {
  return name == "--tlsverify" || name == "--help" ||
         std::find(kSwitches.begin(), kSwitches.end(), name) != kSwitches.end();
}

}  // namespace

void ArgumentList::set(std::string_view name, const std::string& value) {
  std::erase_if(flags_, [&](const std::string& flag) { return name_of(flag) == name; });
  flags_.push_back(std::string(name) + "=" + value);
}

void ArgumentList::set(std::string_view name) {
  std::erase_if(flags_, [&](const std::string& flag) { return name_of(flag) == name; });
  flags_.emplace_back(name);
}

void ArgumentList::add(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word.empty()) continue;
    if (word[0] != '-') {
      peers_.push_back(word);
      continue;
    }
    // Go takes one dash for two.
    if (word.size() > 2 && word[1] != '-') word.insert(0, "-");
    const std::string name(name_of(word));
    if (name.size() < word.size()) {
      set(name, word.substr(name.size() + 1));
    } else if (is_switch(name) || i + 1 == words.size()) {
      set(name);
    } else {
      set(name, words[++i]);
    }
  }
}

bool ArgumentList::has(std::string_view name) const {
  return std::any_of(flags_.begin(), flags_.end(),
                     [&](const std::string& flag) { return name_of(flag) == name; });
}

std::string ArgumentList::value(std::string_view name) const {
  for (const std::string& flag : flags_) {
    if (name_of(flag) == name && name.size() < flag.size()) return flag.substr(name.size() + 1);
  }
  return "";
}

std::vector<std::string> words_of(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  std::vector<std::string> out;
  while (true) {
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace weft::kube
