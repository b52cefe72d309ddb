// SPDX-License-Identifier: Apache-2.0
// How a command is declared: its row in the table, and a function that states its options and
// returns what runs. One file per group of commands.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "router/cli/context.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
}

namespace weft::cli {

using Action = std::function<ExitCode(const Context&)>;

struct Command {
  std::string_view name;
  std::string_view group;  // heading in the help; empty: not listed
  std::string_view summary;
  Action (*declare)(CLI::App& app);
};

std::vector<Command> status_commands();
std::vector<Command> mesh_commands();
std::vector<Command> address_commands();
std::vector<Command> pod_commands();
std::vector<Command> ipam_commands();
std::vector<Command> host_commands();

// Weave's commands that are gone: one line says what replaces each.
struct RemovedCommand {
  std::string_view name;
  std::string_view advice;
};
const std::vector<RemovedCommand>& removed_commands();

}  // namespace weft::cli
