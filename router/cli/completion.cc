// SPDX-License-Identifier: Apache-2.0
#include "router/cli/completion.h"

#include <set>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace weft::cli {
namespace {

// Of IsMember: "TEXT:{text,json}".
std::vector<std::string> values_in(const std::string& type_name) {
  const auto begin = type_name.find('{');
  const auto end = type_name.find('}');
  std::vector<std::string> out;
  if (begin == std::string::npos || end == std::string::npos) return out;
  for (std::string_view value :
       split(std::string_view(type_name).substr(begin + 1, end - begin - 1), ','))
    out.emplace_back(trim(value));
  return out;
}

// What is in single quotes, in all three shells.
std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '\n' ? " " : c == '\'' ? "’" : std::string(1, c);
  return out;
}

void add_options(const CLI::App& app, std::vector<CompletionWord>& words) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string help = one_line(option->get_description());
    const auto values = values_in(option->get_type_name());
    if (option->get_positional()) {
      for (const std::string& value : values)
        words.push_back({.word = value, .help = help, .takes_value = false, .values = {}});
    }
    const bool takes_value = option->get_items_expected_max() > 0;
    auto add = [&](const std::string& name) {
      words.push_back({.word = name, .help = help, .takes_value = takes_value, .values = values});
    };
    for (const std::string& name : option->get_snames())
      add("-" + name);
    for (const std::string& name : option->get_lnames())
      add("--" + name);
  }
}

std::vector<std::string> words_of(const CompletionNode& node) {
  std::vector<std::string> out;
  for (const CompletionWord& word : node.words)
    out.push_back(word.word);
  return out;
}

// Cases of a shell's `case`, all options of all nodes that take a value: "-o|--output".
std::string value_options(const std::vector<CompletionNode>& nodes) {
  std::set<std::string> names;
  for (const CompletionNode& node : nodes) {
    for (const CompletionWord& word : node.words) {
      if (word.takes_value) names.insert(word.word);
    }
  }
  return join({names.begin(), names.end()}, "|");
}

// Finds out by which commands the line leads where the cursor is: $route. Counting begins at
// `first`, the first word behind the program's name; `words` and `last` are the shell's names.
std::string walk(const std::vector<CompletionNode>& nodes, std::string_view words, int first,
                 std::string_view last) {
  std::string out = "  local at=" + std::to_string(first) + " route='' word=''\n  while (( at < " +
                    std::string(last) + " )); do\n    word=\"${" + std::string(words) +
                    "[at]}\"\n    case \"$route $word\" in\n";
  for (const CompletionNode& node : nodes) {
    for (const std::string& command : node.commands) {
      const std::string to = node.path.empty() ? command : node.path + " " + command;
      out.append("      '").append(node.path).append(" ").append(command);
      out.append("') route='").append(to).append("' ;;\n");
    }
  }
  return out + "    esac\n    case \"$word\" in\n      " + value_options(nodes) +
         ") (( at += 1 )) ;;\n    esac\n    (( at += 1 ))\n  done\n";
}

std::string bash(const std::vector<CompletionNode>& nodes) {
  std::string out =
      "# bash completion for weave; written by: weave completion bash\n_weave() {\n" +
      walk(nodes, "COMP_WORDS", 1, "COMP_CWORD") +
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local offered=''\n  case \"$route\" in\n";
  for (const CompletionNode& node : nodes)
    out += "    '" + node.path + "') offered='" + join(words_of(node), " ") + "' ;;\n";
  out += "  esac\n  case \"$before\" in\n";
  std::set<std::string> told;
  for (const CompletionNode& node : nodes) {
    for (const CompletionWord& word : node.words) {
      if (!word.takes_value || !told.insert(word.word).second) continue;
      out += "    " + word.word + ") offered='" + join(word.values, " ") + "' ;;\n";
    }
  }
  return out +
         "  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$offered\" -- \"$current\")\n}\n"
         "complete -F _weave weave\n";
}

std::string zsh(const std::vector<CompletionNode>& nodes) {
  std::string out = "#compdef weave\n# written by: weave completion zsh\n_weave() {\n" +
                    walk(nodes, "words", 2, "CURRENT") +
                    "  local -a offered values\n  case \"$words[CURRENT-1]\" in\n";
  std::set<std::string> told;
  for (const CompletionNode& node : nodes) {
    for (const CompletionWord& word : node.words) {
      if (!word.takes_value || !told.insert(word.word).second) continue;
      out += "    " + word.word + ") values=(" + join(word.values, " ") +
             "); compadd -a values; return ;;\n";
    }
  }
  out += "  esac\n  case \"$route\" in\n";
  for (const CompletionNode& node : nodes) {
    out += "    '" + node.path + "') offered=(\n";
    for (const CompletionWord& word : node.words)
      out += "      '" + word.word + ":" + word.help + "'\n";
    out += "    ) ;;\n";
  }
  return out +
         "  esac\n  _describe -o command offered\n}\n"
         "if [ \"$funcstack[1]\" = _weave ]; then _weave \"$@\"; else compdef _weave weave; fi\n";
}

// "__fish_seen_subcommand_from ipam; and __fish_seen_subcommand_from check"
std::string fish_condition(const std::string& path) {
  std::vector<std::string> seen;
  for (std::string_view command : split(path, ' '))
    seen.push_back("__fish_seen_subcommand_from " + std::string(command));
  return path.empty() ? "__fish_use_subcommand" : join(seen, "; and ");
}

std::string fish(const std::vector<CompletionNode>& nodes) {
  std::string out =
      "# fish completion for weave; written by: weave completion fish\ncomplete -c weave -f\n";
  for (const CompletionNode& node : nodes) {
    for (const CompletionWord& word : node.words) {
      out += "complete -c weave -n '" + fish_condition(node.path) + "'";
      if (word.word.starts_with("--")) {
        out += " -l " + word.word.substr(2);
      } else if (word.word.starts_with("-")) {
        out += " -s " + word.word.substr(1);
      } else {
        out += " -a " + word.word;
      }
      if (word.takes_value) out += " -x";
      if (!word.values.empty()) out += " -a '" + join(word.values, " ") + "'";
      out += " -d '" + word.help + "'\n";
    }
  }
  return out;
}

}  // namespace

std::vector<CompletionNode> completion_nodes(const CLI::App& root) {
  std::vector<std::pair<const CLI::App*, std::string>> open{{&root, ""}};
  std::vector<CompletionNode> out;
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto [app, path] = open[i];
    CompletionNode node{.path = path, .words = {}, .commands = {}};
    for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; })) {
      if (sub->get_group().empty()) continue;
      node.commands.push_back(sub->get_name());
      node.words.push_back({.word = sub->get_name(),
                            .help = one_line(sub->get_description()),
                            .takes_value = false,
                            .values = {}});
      open.emplace_back(sub, path.empty() ? sub->get_name() : path + " " + sub->get_name());
    }
    add_options(*app, node.words);
    if (app != &root) add_options(root, node.words);
    // Such as --help, which each command has.
    std::set<std::string> seen;
    std::erase_if(node.words,
                  [&](const CompletionWord& word) { return !seen.insert(word.word).second; });
    out.push_back(std::move(node));
  }
  return out;
}

std::optional<std::string> completion_script(const std::vector<CompletionNode>& nodes,
                                             std::string_view shell) {
  if (shell == "bash") return bash(nodes);
  if (shell == "zsh") return zsh(nodes);
  if (shell == "fish") return fish(nodes);
  return std::nullopt;
}

}  // namespace weft::cli
