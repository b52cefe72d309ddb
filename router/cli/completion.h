// SPDX-License-Identifier: Apache-2.0
// Completion for shells, written from the very commands and options that are parsed, so that it
// cannot drift from them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
}

namespace weft::cli {

struct CompletionWord {
  std::string word;
  std::string help;  // one line
  bool takes_value = false;
  std::vector<std::string> values;  // that it may have; empty: any
};

struct CompletionNode {
  std::string path;  // commands so far: "", "status", "ipam check"
  std::vector<CompletionWord> words;
  std::vector<std::string> commands;  // which lead on, with others' help among the words
};

// Nodes of the root and of every command below it; those that are not listed in the help are left
// out. The root's options may stand anywhere, so each node has them.
std::vector<CompletionNode> completion_nodes(const CLI::App& root);

// nullopt: no such shell; there are bash, zsh and fish.
std::optional<std::string> completion_script(const std::vector<CompletionNode>& nodes,
                                             std::string_view shell);

}  // namespace weft::cli
