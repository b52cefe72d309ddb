// SPDX-License-Identifier: Apache-2.0
#include "router/cli/launch.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "router/cli/api.h"
#include "router/process/child.h"

namespace weft::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnit = "weaver.service";
constexpr std::string_view kDefaultRange = "10.32.0.0/12";
constexpr Duration kSystemctlTimeout = std::chrono::seconds(90);
constexpr int kReadyWaitMs = 30'000;
// A clean end gives its links up and closes its state; then it is killed.
constexpr int kStopWaitMs = 15'000;
constexpr int kPollMs = 50;

void pause() {
  constexpr timespec kPause{0, kPollMs * 1'000'000L};
  ::nanosleep(&kPause, nullptr);
}

struct Files {
  std::string pid_file;
  std::string log_file;
};

Files files(const Context& context) {
  return {context.variable_or("WEFT_RUN_DIR", "/run/weave") + "/weaver.pid",
          context.variable_or("WEFT_LOG_DIR", "/var/log") + "/weaver.log"};
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> command_line(pid_t pid) {
  std::vector<std::string> out;
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  for (std::string_view word : split(text, '\0'))
    out.emplace_back(word);
  if (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

// A pid file outlives its process, and the number may be somebody else's by now.
bool is_weaver(const std::vector<std::string>& command) {
  return !command.empty() && fs::path(command.front()).filename() == "weaver";
}

std::optional<RunningWeaver> running(pid_t pid, bool under_systemd) {
  auto command = command_line(pid);
  if (!is_weaver(command)) return std::nullopt;
  command.erase(command.begin());
  return RunningWeaver{pid, under_systemd, std::move(command)};
}

std::string link_target(const fs::path& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

// One that was started in another way: by a unit of somebody's own, in a container. A host's weaver
// is the one in its network namespace.
std::optional<RunningWeaver> in_this_network() {
  const std::string network = link_target("/proc/self/ns/net");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    auto pid = parse_u64(entry.path().filename().string());
    if (!pid || !is_weaver(command_line(static_cast<pid_t>(*pid)))) continue;
    if (link_target(entry.path() / "ns/net") != network) continue;
    return running(static_cast<pid_t>(*pid), false);
  }
  return std::nullopt;
}

// "weave-kube": what would start it again.
std::string parent_name(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const auto at = status.find("\nPPid:");
  if (at == std::string::npos) return "";
  const std::string_view rest = std::string_view(status).substr(at + 6);
  const std::string parent(trim(rest.substr(0, rest.find('\n'))));
  return std::string(trim(read_file("/proc/" + parent + "/comm")));
}

std::optional<process::ChildEnd> systemctl(const std::vector<std::string>& arguments) {
  if (!fs::exists("/run/systemd/system")) return std::nullopt;
  auto program = process::find_program(process::path_folders(), "systemctl");
  if (!program) return std::nullopt;
  auto end = process::run_child({.program = *program,
                                 .arguments = arguments,
                                 .environment = {},
                                 .input = {},
                                 .timeout = kSystemctlTimeout});
  if (!end) return std::nullopt;
  return std::move(*end);
}

bool has_unit() {
  auto end = systemctl({"cat", std::string(kUnit)});
  return end && end->exit_code == 0;
}

std::optional<std::string> weaver_program() {
  auto folders = process::path_folders();
  folders.insert(folders.begin(), process::own_folder());
  return process::find_program(folders, "weaver");
}

std::string last_lines(const std::string& path) {
  constexpr std::size_t kTailSize = 2000;
  std::string text = read_file(path);
  if (text.size() > kTailSize) text = text.substr(text.find('\n', text.size() - kTailSize) + 1);
  return text;
}

Answer<std::string> ask_readiness(const Context& context) {
  return Api(context).ask(
      {.method = "GET", .target = "/readyz", .form = {}, .timeout = std::chrono::seconds(1)});
}

// Until it serves, or `ended` says that there is no point in waiting.
template <class Ended>
bool wait_until_ready(const Context& context, Ended ended) {
  for (int waited = 0; waited < kReadyWaitMs; waited += kPollMs) {
    const bool serves = std::holds_alternative<std::string>(ask_readiness(context));
    if (ended()) return false;  // whoever answers then is another
    if (serves) return true;
    pause();
  }
  return false;
}

// Of somebody who listens there, and be it to say that it is not ready.
bool answers(const Context& context) {
  auto answer = ask_readiness(context);
  const auto* complaint = std::get_if<Complaint>(&answer);
  return complaint == nullptr || complaint->status != 0;
}

ExitCode launch_by_systemd(const Context& context, const std::vector<std::string>& given) {
  if (!given.empty()) {
    return context.fail(std::string(kUnit) +
                        " is installed, so its options belong in /etc/weave/weaver.conf; then "
                        "`weave launch` without arguments");
  }
  auto end = systemctl({"start", std::string(kUnit)});
  if (!end || end->exit_code != 0) {
    return context.fail("systemctl start " + std::string(kUnit) +
                        " failed: " + std::string(trim(end ? end->err : "no answer")));
  }
  if (!wait_until_ready(context, [] { return false; })) {
    return context.fail("weaver did not become ready; see journalctl -u " + std::string(kUnit));
  }
  context.out << "weaver runs as " << kUnit << "; API at " << context.http_addr << "\n";
  return ExitCode::done;
}

bool write_pid(const std::string& path, pid_t pid) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  std::ofstream out(path);
  out << pid << "\n";
  return static_cast<bool>(out.flush());
}

ExitCode launch_process(const Context& context, const LaunchPlan& plan) {
  Context target = context;
  target.http_addr = plan.http_addr;
  if (answers(target)) {
    return context.fail("a daemon answers at " + plan.http_addr +
                        " already; stop it, or choose another --http-addr");
  }
  auto program = weaver_program();
  if (!program) return context.fail("weaver is neither beside this program nor in PATH");
  const Files where = files(context);
  std::error_code error;
  fs::create_directories(fs::path(plan.db_prefix).parent_path(), error);
  fs::create_directories(fs::path(where.log_file).parent_path(), error);
  auto pid = process::start_detached(*program, plan.arguments, where.log_file);
  if (!pid) return context.fail(*program + ": " + to_string(pid.error()));
  if (!write_pid(where.pid_file, *pid)) {
    ::kill(*pid, SIGTERM);
    return context.fail("cannot write " + where.pid_file);
  }
  auto ended = [&] {
    return ::waitpid(*pid, nullptr, WNOHANG) != 0;
  };
  if (!wait_until_ready(target, ended)) {
    return context.fail("weaver did not become ready; the end of " + where.log_file + ":\n" +
                        last_lines(where.log_file));
  }
  context.out << "weaver runs with pid " << *pid << " (" << where.pid_file << "), log "
              << where.log_file << ", API at " << plan.http_addr << "\n";
  return ExitCode::done;
}

bool asks_for_help(const std::vector<std::string>& given) {
  return std::any_of(given.begin(), given.end(), [](const std::string& argument) {
    return argument == "--help" || argument == "-h";
  });
}

// The options are weaver's, and so is what there is to say of them.
ExitCode show_weavers_help(const Context& context) {
  auto program = weaver_program();
  if (!program) return context.fail("weaver is neither beside this program nor in PATH");
  auto end = process::run_child(
      {.program = *program, .arguments = {"--help"}, .environment = {}, .input = {}});
  if (!end) return context.fail(*program + ": " + to_string(end.error()));
  context.out << "usage: weave launch [OPTIONS] [PEER...], with the options of weaver:\n\n"
              << end->out;
  return end->exit_code == 0 ? ExitCode::done : context.fail(end->err);
}

bool alive(pid_t pid) {
  return ::kill(pid, 0) == 0 && is_weaver(command_line(pid));
}

ExitCode stop_process(const Context& context, pid_t pid) {
  if (::kill(pid, SIGTERM) != 0 && errno != ESRCH) {
    return context.fail("may not stop weaver (pid " + std::to_string(pid) + "). Try as root.");
  }
  for (int waited = 0; alive(pid) && waited < kStopWaitMs; waited += kPollMs)
    pause();
  if (alive(pid)) {
    context.err << "weave: weaver did not stop when asked to; it is killed\n";
    ::kill(pid, SIGKILL);
  }
  ::unlink(files(context).pid_file.c_str());
  return ExitCode::done;
}

}  // namespace

std::optional<std::string> flag_value(const std::vector<std::string>& arguments,
                                      const std::string& flag) {
  std::optional<std::string> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == flag && i + 1 < arguments.size()) out = arguments[i + 1];
    if (arguments[i].starts_with(flag + "=")) out = arguments[i].substr(flag.size() + 1);
  }
  return out;
}

LaunchPlan plan_launch(const Context& context, const std::vector<std::string>& given) {
  LaunchPlan plan{.arguments = {}, .http_addr = {}, .db_prefix = {}, .bridge = {}};
  auto settle = [&](const std::string& flag, const std::string& otherwise) {
    if (auto value = flag_value(given, flag)) return *value;
    plan.arguments.push_back(flag);
    plan.arguments.push_back(otherwise);
    return otherwise;
  };
  plan.http_addr = settle("--http-addr", context.http_addr);
  plan.db_prefix = settle("--db-prefix", std::string(kDefaultDbPrefix));
  settle("--ipalloc-range", std::string(kDefaultRange));
  if (!context.status_addr.empty()) settle("--status-addr", context.status_addr);
  plan.bridge = flag_value(given, "--weave-bridge").value_or("weave");
  plan.arguments.insert(plan.arguments.end(), given.begin(), given.end());
  return plan;
}

std::optional<RunningWeaver> find_weaver(const Context& context) {
  if (auto end = systemctl({"show", "--property", "MainPID", "--value", std::string(kUnit)})) {
    auto pid = parse_u64(trim(end->out));
    if (end->exit_code == 0 && pid && *pid != 0) return running(static_cast<pid_t>(*pid), true);
  }
  auto pid = parse_u64(trim(read_file(files(context).pid_file)));
  auto launched = pid && *pid != 0 ? running(static_cast<pid_t>(*pid), false) : std::nullopt;
  return launched ? launched : in_this_network();
}

std::optional<std::string> cannot_stop(const Context& context,
                                       const std::optional<RunningWeaver>& weaver) {
  if (!weaver && answers(context)) {
    return "a daemon answers at " + context.http_addr +
           ", but no weaver is seen on this host: stop it where it runs";
  }
  if (weaver && parent_name(weaver->pid) == "weave-kube") {
    return "weave-kube runs weaver (pid " + std::to_string(weaver->pid) +
           ") and would start it again: delete its DaemonSet first";
  }
  return std::nullopt;
}

ExitCode launch(const Context& context, const std::vector<std::string>& given) {
  if (asks_for_help(given)) return show_weavers_help(context);
  if (auto weaver = find_weaver(context)) {
    return context.fail("weaver runs already, pid " + std::to_string(weaver->pid) +
                        "; `weave stop` first");
  }
  if (has_unit()) return launch_by_systemd(context, given);
  return launch_process(context, plan_launch(context, given));
}

ExitCode stop(const Context& context) {
  auto weaver = find_weaver(context);
  if (auto why = cannot_stop(context, weaver)) return context.fail(*why);
  if (!weaver) {
    ::unlink(files(context).pid_file.c_str());
    context.err << "weave: weaver does not run here\n";
    return ExitCode::done;
  }
  if (!weaver->under_systemd) return stop_process(context, weaver->pid);
  auto end = systemctl({"stop", std::string(kUnit)});
  if (end && end->exit_code == 0) return ExitCode::done;
  return context.fail("systemctl stop " + std::string(kUnit) +
                      " failed: " + std::string(trim(end ? end->err : "no answer")));
}

}  // namespace weft::cli
