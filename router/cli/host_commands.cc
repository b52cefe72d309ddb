// SPDX-License-Identifier: Apache-2.0
// Commands about the daemon itself on a bare host: launch, stop, reset, version.
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/json/json.h"
#include "base/text.h"
#include "router/cli/api.h"
#include "router/cli/command.h"
#include "router/cli/completion.h"
#include "router/cli/launch.h"
#include "router/linux/bridge_plumbing.h"
#include "router/linux/masquerade.h"
#include "router/linux/pod_guard.h"
#include "router/netfilter/host_firewall.h"
#include "router/process/child.h"

namespace weft::cli {

namespace {

namespace fs = std::filesystem;
namespace net = linux_net;

constexpr std::string_view kGroup = "The daemon";

Action declare_launch(CLI::App& app) {
  // Everything after the command is weaver's.
  app.prefix_command();
  app.fallthrough(false);
  app.set_help_flag();
  return [&app](const Context& context) {
    const std::vector<std::string> given = app.remaining();
    return launch(context, given);
  };
}

Action declare_stop(CLI::App&) {
  return [](const Context& context) {
    return stop(context);
  };
}

struct ResetOptions {
  bool force = false;
  std::string db_prefix;
  std::string bridge;
};

// Where the state is: as told, else as the running weaver was told, else as launch has it.
ResetOptions settle(const std::optional<RunningWeaver>& weaver, ResetOptions options) {
  auto pick = [&](std::string& into, const std::string& flag, std::string_view otherwise) {
    if (!into.empty()) return;
    auto value = weaver ? flag_value(weaver->arguments, flag) : std::nullopt;
    into = value ? *value : std::string(otherwise);
  };
  pick(options.db_prefix, "--db-prefix", kDefaultDbPrefix);
  pick(options.bridge, "--weave-bridge", "weave");
  return options;
}

std::string remove_files(const Context& context, const std::string& db_prefix) {
  std::error_code error;
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    fs::remove(db_prefix + "weft.db" + suffix, error);
    if (error) return db_prefix + "weft.db" + suffix + ": " + error.message();
  }
  const std::string cni = context.variable_or("WEFT_CNI_STATE_DIR", "/var/lib/weave/cni");
  for (const char* folder : {"/attached", "/pending", "/pending.lock"}) {
    fs::remove_all(cni + folder, error);
    if (error) return cni + folder + ": " + error.message();
  }
  return "";
}

std::string remove_plumbing(const std::string& bridge) {
  if (auto gone = net::remove_bridge(bridge); !gone) {
    return "bridge " + bridge + ": " + to_string(gone.error());
  }
  auto nft = net::Nft::open();
  if (!nft) return "nftables: " + to_string(nft.error());
  if (auto gone = net::remove_host_rules(*nft); !gone) {
    return "nftables: " + to_string(gone.error());
  }
  // A kernel without the bridge family holds no such table.
  if (auto gone = net::remove_guards(*nft); !gone && gone.error().sys_errno != EOPNOTSUPP) {
    return "nftables: " + to_string(gone.error());
  }
  std::vector<std::string> problems = netfilter::withdraw_forwarding();
  const auto weave = netfilter::remove_weave(bridge);
  problems.insert(problems.end(), weave.problems.begin(), weave.problems.end());
  return join(problems, "\n");
}

ExitCode reset(const Context& context, const ResetOptions& given) {
  const auto weaver = find_weaver(context);
  if (auto why = cannot_stop(context, weaver)) return context.fail(*why);
  const ResetOptions options = settle(weaver, given);
  auto answer = Api(context).ask({.method = "DELETE", .target = "/peer", .form = {}});
  if (auto* complaint = std::get_if<Complaint>(&answer)) {
    if (!options.force) {
      return context.fail(complaint->text +
                          "\nThe address space of this host was not given to its peers. To reset "
                          "all the same: weave reset --force; then, on a peer: weave rmpeer " +
                          "with this host's name.");
    }
    context.err << "weave: the address space stays with this peer's name: on another host, run "
                   "weave rmpeer\n";
  }
  if (auto code = stop(context); code != ExitCode::done) return code;
  for (const std::string& why :
       {remove_files(context, options.db_prefix), remove_plumbing(options.bridge)}) {
    if (!why.empty()) return context.fail(why);
  }
  return ExitCode::done;
}

Action declare_reset(CLI::App& app) {
  auto options = std::make_shared<ResetOptions>();
  app.add_flag("--force", options->force, "even if the daemon cannot give its addresses away");
  app.add_option("--db-prefix", options->db_prefix, "where the state is, as weaver was told");
  app.add_option("--weave-bridge", options->bridge, "the bridge, as weaver was told");
  return [options](const Context& context) {
    return reset(context, *options);
  };
}

// The running daemon's version, else that of the program we would launch.
std::string daemon_version(const Context& context) {
  auto answer = Api(context).read({.method = "GET",
                                   .target = "/report",
                                   .form = {},
                                   .wants_json = true,
                                   .timeout = std::chrono::seconds(5)});
  if (auto* body = std::get_if<std::string>(&answer)) {
    const auto report = nlohmann::json::parse(*body, nullptr, false);
    if (report.is_object() && report.contains("Version") && report["Version"].is_string()) {
      return report["Version"].get<std::string>();
    }
  }
  auto folders = process::path_folders();
  folders.insert(folders.begin(), process::own_folder());
  auto program = process::find_program(folders, "weaver");
  if (!program) return "";
  auto end = process::run_child(
      {.program = *program, .arguments = {"--version"}, .environment = {}, .input = {}});
  if (!end || end->exit_code != 0) return "";
  const std::string line(trim(end->out));
  return line.substr(line.rfind(' ') + 1);
}

// The two lines of Weave's script; the first is about this program.
ExitCode print_version(const Context& context) {
  const std::string daemon = daemon_version(context);
  if (context.json) {
    context.out << nlohmann::json{{"cli", WEFT_VERSION}, {"daemon", daemon}}.dump(4) << "\n";
    return ExitCode::done;
  }
  context.out << "weave script " WEFT_VERSION "\n";
  if (daemon.empty()) return context.fail("weaver neither runs nor is installed");
  context.out << "weave " << daemon << "\n";
  return ExitCode::done;
}

Action declare_version(CLI::App&) {
  return [](const Context& context) {
    return print_version(context);
  };
}

Action declare_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "whose completion to print")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return [shell, &app](const Context& context) {
    // The parent knows all commands by the time that one of them runs.
    context.out << completion_script(completion_nodes(*app.get_parent()), *shell).value_or("");
    return ExitCode::done;
  };
}

// Answered before the command line is parsed; here for the list.
Action declare_help(CLI::App& app) {
  app.prefix_command();
  return [](const Context&) {
    return ExitCode::done;
  };
}

}  // namespace

std::vector<Command> host_commands() {
  return {
      {"launch", kGroup, "Start weaver on this host: [weaver's options] [peers]", declare_launch},
      {"stop", kGroup, "Stop it; containers keep their addresses", declare_stop},
      {"reset", kGroup, "Stop it for good: give its addresses away and clean up", declare_reset},
      {"version", kGroup, "Versions of this program and of weaver", declare_version},
      {"completion", kGroup, "Print the completion of a shell: bash, zsh or fish",
       declare_completion},
      {"help", kGroup, "Explain a command", declare_help},
  };
}

}  // namespace weft::cli
