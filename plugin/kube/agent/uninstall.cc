// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/uninstall.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>

#include <unistd.h>

#include "base/text.h"
#include "plugin/kube/agent/turns.h"
#include "plugin/kube/files/turn_file.h"
#include "router/process/child.h"

namespace weft::kube {
namespace {

constexpr std::chrono::seconds kPoll{2};
constexpr std::chrono::seconds kResetMax{60};
constexpr int kFailed = 1;

// SIGTERM and SIGINT, which process 1 of a container does not get unless it asks for them.
class EndSignals {
 public:
  EndSignals() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGTERM);
    ::sigaddset(&set_, SIGINT);
    ::sigprocmask(SIG_BLOCK, &set_, nullptr);
  }
  bool came_within(std::chrono::seconds time) const {
    const timespec limit{.tv_sec = time.count(), .tv_nsec = 0};
    return ::sigtimedwait(&set_, nullptr, &limit) > 0;
  }
  void wait() const {
    while (::sigwaitinfo(&set_, nullptr) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t set_{};
};

bool weaver_runs(const UninstallOptions& options) {
  auto end = process::run_child({.program = options.weave,
                                 .arguments = {"--http-addr", options.daemon, "status"},
                                 .environment = {},
                                 .input = {}});
  return end && end->exit_code == 0;
}

// Between the weaver of the one pod and that of the other there is a moment without any.
bool pods_are_here(const std::string& db_prefix) {
  const std::string path = turn_file_of(db_prefix);
  if (!std::filesystem::exists(path)) return false;
  auto file = TurnFile::open(path);
  using enum TurnFile::Place;
  return file && (file->taken(serving) || file->taken(heir) || file->taken(standby));
}

// Empty: done.
std::string reset(const UninstallOptions& options) {
  const std::string& prefix = options.places.db_prefix;
  const std::string folder = std::filesystem::path(prefix).parent_path().string();
  std::vector<std::string> environment{"WEFT_CNI_STATE_DIR=" + folder + "/cni"};
  for (char** at = environ; *at != nullptr; ++at)
    environment.emplace_back(*at);
  auto end = process::run_child(
      {.program = options.weave,
       .arguments = {"--http-addr", options.daemon, "reset", "--force", "--db-prefix", prefix},
       .environment = environment,
       .input = {},
       .timeout = kResetMax});
  if (!end) return "weave reset: " + to_string(end.error());
  if (end->exit_code != 0) return "weave reset: " + std::string(trim(end->err));
  return "";
}

}  // namespace

int uninstall(const UninstallOptions& options, const Log& log) {
  const EndSignals signals;
  for (bool told = false; pods_are_here(options.places.db_prefix) || weaver_runs(options);
       told = true) {
    if (!told) {
      log(line(LogLevel::warning, "uninstall",
               "Weft runs on this node: waiting for the end of its DaemonSets, weave-net and "
               "weave-net-standby"));
    }
    if (signals.came_within(kPoll)) return kFailed;
  }
  if (const std::string why = reset(options); !why.empty()) {
    log(line(LogLevel::error, "uninstall", why));
    return kFailed;
  }
  auto removed = remove_leftovers(options.places);
  if (!removed) {
    log(line(LogLevel::error, "uninstall", to_string(removed.error())));
    return kFailed;
  }
  log(line(LogLevel::info, "uninstall",
           removed->empty() ? "nothing of Weft is left on this node"
                            : "nothing of Weft is left on this node; removed bridge, interfaces, "
                              "rules, state and " +
                                  join(*removed, ", ")));
  if (options.stay) signals.wait();
  return 0;
}

}  // namespace weft::kube
