// SPDX-License-Identifier: Apache-2.0
// weaver's parent: starts it, starts it again when it ends or hangs, passes SIGTERM on, and reaps
// whatever else process 1 of a container has to.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/log.h"
#include "plugin/kube/agent/restart_policy.h"
#include "router/io/event_loop.h"

namespace weft::kube {

class Supervisor {
 public:
  // How long weaver may take to end; it has a state file to close and nothing to wait for.
  static constexpr Duration kStopGrace = std::chrono::seconds(10);

  struct Program {
    std::string path;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  // "NAME=value"
  };
  struct Handlers {
    std::function<void()> on_started;
    std::function<void()> on_ended;              // it will be started again
    std::function<void(int exit_code)> on_over;  // it will not
    std::function<bool()> another_would_serve;   // somebody else's weaver, if ours were given up
    std::function<void(const LogLine&)> log;
  };
  Supervisor(io::EventLoop& loop, Handlers handlers);

  void start(Program program);
  // SIGTERM, and SIGKILL if that does not help; then on_over(0). At once if nothing runs.
  void stop();
  // When weaver ends by itself, as with the whole host, it is over. At once if nothing runs.
  void end_with_weaver();
  // A weaver that does not answer any more is killed, and started again as after a crash.
  void kill_hanging(const std::string& why);
  void signal(int number) const;  // passed on as it is
  void on_child_signal();         // SIGCHLD

  std::optional<pid_t> pid() const { return pid_; }
  std::uint64_t restarts() const { return restarts_; }

 private:
  void spawn();
  void on_end(int exit_code);
  void log(LogLevel level, const std::string& text) const;

  io::EventLoop& loop_;
  Handlers handlers_;
  Program program_;
  RestartPolicy policy_;
  io::Timer restart_;
  io::Timer grace_;
  std::optional<pid_t> pid_;
  TimePoint started_at_;
  std::uint64_t restarts_ = 0;
  bool stopping_ = false;
};

}  // namespace weft::kube
