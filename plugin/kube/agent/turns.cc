// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/turns.h"

#include <csignal>

namespace weft::kube {
namespace {

using Place = TurnFile::Place;

// A rollout that goes well takes a quarter of this.
constexpr Duration kBridgingLong = std::chrono::minutes(1);
constexpr unsigned kNotFound = 404;
constexpr int kFailed = 1;

sigset_t end_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  return set;
}

io::HttpResponse waiting_page(const std::string& path, const std::string& node) {
  if (path == "/healthz" || path == "/readyz") return {.status = 200, .body = "ok\n"};
  if (path == "/status") {
    return {.status = 200,
            .body = "         Version: " WEFT_VERSION "\n            Node: " + node +
                    "\n           Ready: yes\n            Role: standby, waits\n"};
  }
  return {.status = kNotFound, .body = "a standby that waits has /healthz, /readyz and /status\n"};
}

}  // namespace

void SignalsHeard::hold() {
  const sigset_t set = end_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

SignalsHeard::SignalsHeard() {
  const sigset_t set = end_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

Turns::Turns(Config config, Log log)
    : config_(std::move(config)),
      log_(std::move(log)),
      path_(config_.db_prefix + "weft-kube.turn"),
      turn_(config_.role) {}

int Turns::run(const std::function<int()>& serve) {
  SignalsHeard::hold();
  auto file = TurnFile::open(path_);
  if (file) {
    file_ = std::move(*file);
  } else {
    const bool needed = config_.role == Role::standby;
    log_(line(needed ? LogLevel::error : LogLevel::warning, "turn",
              path_ + ": " + to_string(file.error()) +
                  "; by it the pods of weave-net and weave-net-standby see each other"));
    if (needed) return kFailed;
  }
  for (;;) {
    if (const auto code = wait()) return *code;
    handed_over_ = false;
    const int code = serve();
    if (!handed_over_) return code;
    serving_since_.reset();
    file_->leave(Place::serving);
    log_(line(LogLevel::info, "turn", "handed over to weave-net's new pod"));
    if (turn_.end_asked()) return 0;
  }
}

bool Turns::try_turn(TimePoint now) {
  look(now);
  if (!file_) return true;
  if (config_.role == Role::standby) file_->take(Place::standby);
  if (turn_.may_serve() && file_->take(Place::serving)) {
    file_->leave(Place::heir);
    serving_since_ = now;
    return true;
  }
  if (config_.role == Role::primary) file_->take(Place::heir);
  return false;
}

// For the probes of a standby; a primary's are answered by whoever serves. Null: it cannot listen.
std::unique_ptr<io::HttpServer> Turns::waiting_server(io::EventLoop& loop) const {
  auto server = io::HttpServer::listen(
      loop, *config_.status, [this](const std::shared_ptr<io::HttpExchange>& exchange) {
        exchange->reply(waiting_page(exchange->request().path, config_.node));
      });
  if (server) return std::move(*server);
  log_(line(LogLevel::error, "turn",
            "cannot listen on " + config_.status->text() + ": " + to_string(server.error()) +
                "; WEFT_KUBE_STATUS_ADDR chooses another address"));
  return nullptr;
}

std::optional<int> Turns::wait() {
  io::EventLoop loop;
  if (try_turn(loop.now())) return std::nullopt;
  const bool standby = config_.role == Role::standby;
  log_(line(LogLevel::info, "turn",
            standby ? "standby: serves this node when weave-net's pod, once here, has gone"
                    : "another weave-kube serves this node; waiting until it hands over"));
  std::optional<int> exit_code;
  auto watched = loop.on_signals({SIGTERM, SIGINT}, [&](int) {
    turn_.on_end_asked(loop.now());
    // In the moment between the end of the one and this one's turn nobody else would be there.
    if (!standby || !try_turn(loop.now())) exit_code = 0;
    loop.stop();
  });
  if (!watched) {
    log_(line(LogLevel::error, "turn", to_string(watched.error())));
    return kFailed;
  }
  const auto page = standby && config_.status ? waiting_server(loop) : nullptr;
  if (standby && config_.status && !page) return kFailed;
  io::Timer timer(loop, [&] {
    if (try_turn(loop.now())) return loop.stop();
    timer.arm(loop.now() + kLook);
  });
  timer.arm(loop.now());
  const SignalsHeard heard;
  loop.run();
  if (!exit_code) log_(line(LogLevel::info, "turn", "serves this node from now on"));
  return exit_code;
}

// Whoever serves is the first to take its place in the new file: the others have to see it there.
void Turns::renew_file() {
  auto file = TurnFile::open(path_);
  if (!file) return;
  file_ = std::move(*file);
  turn_.forget();
  if (serving_since_) file_->take(Place::serving);
  if (config_.role == Role::standby) file_->take(Place::standby);
  log_(line(LogLevel::warning, "turn", path_ + " was removed by somebody, and made anew"));
}

Turns::Verdict Turns::look(TimePoint now) {
  if (file_ && file_->stale()) renew_file();
  if (file_) {
    turn_.on_look(now, {.serving = file_->taken(Place::serving),
                        .heir = file_->taken(Place::heir),
                        .standby = file_->taken(Place::standby)});
  }
  if (!serving_since_ && file_) return Verdict::go_on;
  if (turn_.must_hand_over()) {
    handed_over_ = true;
    return Verdict::hand_over;
  }
  return turn_.may_end(now) ? Verdict::end : Verdict::go_on;
}

Duration Turns::pause() const {
  return config_.role == Role::primary && !turn_.end_asked() ? kCalmLook : kLook;
}

std::string Turns::bridging(TimePoint now) const {
  if (config_.role != Role::standby || !serving_since_) return "";
  if (now - *serving_since_ < kBridgingLong) return "";
  return "weave-net's pod is away from this node, which its standby serves: kubectl describe that "
         "pod, or the DaemonSet weave-net if there is none";
}

}  // namespace weft::kube
