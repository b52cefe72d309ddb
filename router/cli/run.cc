// SPDX-License-Identifier: Apache-2.0
#include "router/cli/run.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <CLI/CLI.hpp>

#include "router/cli/command.h"
#include "router/cli/yaml.h"

namespace weft::cli {

namespace {

constexpr std::string_view kDefaultDaemon = "127.0.0.1:6784";

constexpr std::string_view kFooter =
    "\nAddresses: 10.2.1.1/24 or ip:10.2.1.1/24 (that one), net:10.2.1.0/24 (any of that subnet),\n"
    "net:default (any of the default subnet).\n"
    "Environment: WEAVE_HTTP_ADDR (127.0.0.1:6784, or the path of a unix socket), "
    "WEAVE_STATUS_ADDR.\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 degraded (status --check, "
    "ipam check).";

std::vector<Command> all_commands() {
  std::vector<Command> out;
  for (auto group : {status_commands, ipam_commands, mesh_commands, address_commands, pod_commands,
                     host_commands}) {
    const std::vector<Command> more = group();
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

struct Globals {
  std::string http_addr;
  std::string output = "text";
  bool local = false;
  bool version = false;
};

// Options that may stand before or after the command.
void declare_globals(CLI::App& app, Globals& globals) {
  app.fallthrough();
  app.require_subcommand(0, 1);
  app.add_option("--http-addr", globals.http_addr, "the daemon's API: host:port or a path");
  app.add_option("-o,--output", globals.output, "text, json or yaml")
      ->check(CLI::IsMember({"text", "json", "yaml"}));
  app.add_flag("--local", globals.local,
               "talk to the daemon on this host, which is always so; for Weave's runbooks");
  app.add_flag("--version", globals.version, "print the version of this program");
  app.footer(std::string(kFooter));
}

bool was_removed(const std::string& name, std::ostream& err) {
  for (const RemovedCommand& removed : removed_commands()) {
    if (removed.name != name) continue;
    err << "weave " << name << " is not part of Weft: " << removed.advice << "\n";
    return true;
  }
  return false;
}

// The first word that is no option: the command.
std::string command_word(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--http-addr" || word == "-o" || word == "--output") {
      ++i;
    } else if (!word.starts_with("-")) {
      return word;
    }
  }
  return "";
}

ExitCode help(CLI::App& app, const std::vector<std::string>& arguments, std::ostream& out,
              std::ostream& err) {
  const auto at = std::find(arguments.begin(), arguments.end(), "help");
  if (at + 1 == arguments.end()) {
    out << app.help();
    return ExitCode::done;
  }
  if (was_removed(*(at + 1), err)) return ExitCode::failed;
  const auto found =
      app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == *(at + 1); });
  if (found.empty()) {
    err << "weave: there is no command " << *(at + 1) << "; see weave help\n";
    return ExitCode::usage;
  }
  out << found.front()->help("weave");
  return ExitCode::done;
}

ExitCode act(const Action& action, const Globals& globals, Context context) {
  context.http_addr = globals.http_addr;
  if (context.http_addr.empty()) {
    context.http_addr = context.variable_or("WEAVE_HTTP_ADDR", kDefaultDaemon);
  }
  context.status_addr = context.variable_or("WEAVE_STATUS_ADDR", "");
  context.json = globals.output != "text";  // YAML is made of it
  return action(context);
}

}  // namespace

ExitCode run(const std::vector<std::string>& arguments, const Variables& variable,
             std::ostream& out, std::ostream& err) {
  CLI::App app("weave: looks at and steers the Weft daemon of this host.", "weave");
  Globals globals;
  declare_globals(app, globals);
  std::map<const CLI::App*, Action> actions;
  for (const Command& command : all_commands()) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.summary));
    sub->group(std::string(command.group));
    actions[sub] = command.declare(*sub);
  }
  const std::string word = command_word(arguments);
  if (was_removed(word, err)) return ExitCode::failed;
  if (word == "help") return help(app, arguments, out, err);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    return app.exit(e, out, err) == 0 ? ExitCode::done : ExitCode::usage;
  }
  if (globals.version) {
    out << "weave " WEFT_VERSION "\n";
    return ExitCode::done;
  }
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) {
    err << app.help();
    return ExitCode::usage;
  }
  const Action& action = actions.at(chosen.front());
  if (globals.output != "yaml") return act(action, globals, {out, err, variable, "", ""});
  std::ostringstream json;
  const ExitCode code = act(action, globals, {json, err, variable, "", ""});
  out << as_yaml(json.str());
  return code;
}

}  // namespace weft::cli
