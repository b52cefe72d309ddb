// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/supervisor.h"

#include <csignal>

#include <sys/wait.h>

#include "router/process/child.h"

namespace weft::kube {
namespace {

std::string seconds_text(Duration duration) {
  const auto tenths =
      std::chrono::duration_cast<std::chrono::duration<std::int64_t, std::deci>>(duration).count();
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

Supervisor::Supervisor(io::EventLoop& loop, Handlers handlers)
    : loop_(loop),
      handlers_(std::move(handlers)),
      restart_(loop, [this] { spawn(); }),
      grace_(loop, [this] { signal(SIGKILL); }) {}

void Supervisor::start(Program program) {
  program_ = std::move(program);
  spawn();
}

void Supervisor::spawn() {
  started_at_ = loop_.now();
  auto started = process::start_child(program_.path, program_.arguments, program_.environment);
  if (!started) {
    log(LogLevel::error, "cannot start " + program_.path + ": " + to_string(started.error()));
    return on_end(1);
  }
  pid_ = *started;
  log(LogLevel::info, "weaver runs as process " + std::to_string(*pid_));
  handlers_.on_started();
}

void Supervisor::stop() {
  stopping_ = true;
  restart_.arm(std::nullopt);
  if (!pid_) return handlers_.on_over(0);
  signal(SIGTERM);
  grace_.arm(loop_.now() + kStopGrace);
}

void Supervisor::end_with_weaver() {
  stopping_ = true;
  restart_.arm(std::nullopt);
  if (!pid_) handlers_.on_over(0);
}

void Supervisor::kill_hanging(const std::string& why) {
  if (!pid_) return;
  log(LogLevel::error, "weaver hangs and is killed: " + why);
  signal(SIGKILL);
}

void Supervisor::signal(int number) const {
  if (pid_) ::kill(*pid_, number);
}

void Supervisor::on_child_signal() {
  int status = 0;
  for (pid_t ended = 0; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid_ != ended) continue;  // an orphan that fell to process 1
    pid_.reset();
    on_end(process::exit_code_of(status));
  }
}

void Supervisor::on_end(int exit_code) {
  grace_.arm(std::nullopt);
  if (stopping_) return handlers_.on_over(0);
  const Duration lived = loop_.now() - started_at_;
  const std::string what =
      "weaver ended with code " + std::to_string(exit_code) + " after " + seconds_text(lived);
  const auto verdict = policy_.on_exit(lived, exit_code, handlers_.another_would_serve());
  if (const auto* give_up = std::get_if<RestartPolicy::GiveUp>(&verdict)) {
    log(LogLevel::error, what +
                             "; its last lines say why. Leaving the restart to the kubelet, and "
                             "the node to its standby if "
                             "there is one");
    return handlers_.on_over(give_up->exit_code);
  }
  const Duration wait = std::get<RestartPolicy::Restart>(verdict).after;
  log(LogLevel::error, what + "; starting it again in " + seconds_text(wait));
  ++restarts_;
  restart_.arm(loop_.now() + wait);
  handlers_.on_ended();
}

void Supervisor::log(LogLevel level, const std::string& text) const {
  handlers_.log({.level = level, .component = "weaver", .peer = {}, .address = {}, .text = text});
}

}  // namespace weft::kube
