// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/turns.h"

#include <csignal>

#include "plugin/kube/agent/state_file.h"

namespace weft::kube {
namespace {

using Place = TurnFile::Place;

// A rollout that goes well takes a quarter of this.
constexpr Duration kBridgingLong = std::chrono::minutes(1);
constexpr Duration kRetry = std::chrono::seconds(10);
constexpr Duration kHistoryPeriod = std::chrono::seconds(5);
constexpr unsigned kNotFound = 404;
constexpr int kFailed = 1;

sigset_t end_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  return set;
}

io::HttpResponse waiting_page(const std::string& path, const std::string& node,
                              const std::string& trouble) {
  if (path == "/healthz" || path == "/readyz") return {.status = 200, .body = "ok\n"};
  if (path != "/status") {
    return {.status = kNotFound,
            .body = "a standby that waits has /healthz, /readyz and /status\n"};
  }
  std::string body = "         Version: " WEFT_VERSION "\n            Node: " + node +
                     "\n           Ready: yes\n            Role: standby, waits\n";
  if (!trouble.empty()) body += "         Problem: " + trouble + "\n";
  return {.status = 200, .body = body};
}

}  // namespace

std::string turn_file_of(const std::string& db_prefix) {
  return db_prefix + "weft-kube.turn";
}

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
      path_(turn_file_of(config_.db_prefix)),
      turn_(config_.role) {}

int Turns::run(const std::function<int()>& serve) {
  SignalsHeard::hold();
  for (;;) {
    if (const auto code = wait()) return *code;
    handed_over_ = false;
    const int code = serve();
    if (!handed_over_) return code;
    serving_since_.reset();
    displaced_ = false;
    file_->leave(Place::serving);
    log_(line(LogLevel::info, "turn", "handed over to weave-net's new pod"));
  }
}

// Without the file a primary serves as if it were alone; a standby must not.
void Turns::open_file(TimePoint now) {
  if (file_ || (next_open_ && now < *next_open_)) return;
  next_open_ = now + kRetry;
  auto file = TurnFile::open(path_);
  if (file) {
    file_ = std::move(*file);
    trouble_.clear();
    return;
  }
  const std::string why = path_ + ": " + to_string(file.error()) +
                          "; by it the pods of weave-net and weave-net-standby see each other";
  if (why != trouble_) log_(line(LogLevel::error, "turn", why));
  trouble_ = why;
}

// Others wait for Turn::kRenewal, so that whoever serves takes its place again.
void Turns::renew_file(TimePoint now) {
  auto file = TurnFile::open(path_);
  if (!file) return;
  file_ = std::move(*file);
  turn_.forget(now);
  displaced_ = serving_since_ && !file_->take(Place::serving);
  log_(line(LogLevel::warning, "turn", path_ + " was removed by somebody, and made anew"));
}

void Turns::observe(TimePoint now) {
  if (!file_) return;
  if (file_->stale()) renew_file(now);
  // Nobody is to count on a standby that was asked to end.
  if (config_.role == Role::standby && turn_.end_asked()) file_->leave(Place::standby);
  if (config_.role == Role::standby && !turn_.end_asked()) file_->take(Place::standby);
  turn_.on_look(now, {.serving = file_->taken(Place::serving),
                      .heir = file_->taken(Place::heir),
                      .standby = file_->taken(Place::standby),
                      .leaving = file_->taken(Place::leaving)});
}

void Turns::heed_history(TimePoint now) {
  if (config_.role != Role::standby || (next_history_ && now < *next_history_)) return;
  next_history_ = now + kHistoryPeriod;
  turn_.on_history(StateFile(config_.db_prefix).load().served);
}

bool Turns::try_turn(TimePoint now) {
  open_file(now);
  if (!file_) return config_.role == Role::primary && !turn_.end_asked();
  heed_history(now);
  observe(now);
  if (turn_.may_serve(now) && file_->take(Place::serving)) {
    file_->leave(Place::heir);
    serving_since_ = now;
    fresh_ = turn_.fresh(now);
    return true;
  }
  if (config_.role == Role::primary && !turn_.end_asked()) file_->take(Place::heir);
  return false;
}

// For the probes of a standby; a primary's are answered by whoever serves. Null: it cannot listen.
std::unique_ptr<io::HttpServer> Turns::waiting_server(io::EventLoop& loop) const {
  auto server = io::HttpServer::listen(
      loop, *config_.status, [this](const std::shared_ptr<io::HttpExchange>& exchange) {
        exchange->reply(waiting_page(exchange->request().path, config_.node, trouble_));
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
  if (turn_.may_leave()) return 0;
  const bool standby = config_.role == Role::standby;
  log_(line(LogLevel::info, "turn",
            standby ? "standby: serves this node when weave-net's pod, once here, has gone"
                    : "another weave-kube serves this node; waiting until it hands over"));
  std::optional<int> exit_code;
  io::Timer timer(loop, [&] {
    if (!try_turn(loop.now())) {
      if (!turn_.may_leave()) return timer.arm(loop.now() + kLook);
      exit_code = 0;
    }
    loop.stop();
  });
  auto watched = loop.on_signals({SIGTERM, SIGINT}, [&](int) {
    turn_.on_end_asked(loop.now());
    timer.arm(loop.now());
  });
  if (!watched) {
    log_(line(LogLevel::error, "turn", to_string(watched.error())));
    return kFailed;
  }
  const auto page = standby && config_.status ? waiting_server(loop) : nullptr;
  if (standby && config_.status && !page) return kFailed;
  timer.arm(loop.now());
  {
    const SignalsHeard heard;
    loop.run();
  }
  loop.run_for(Duration{0});  // a signal that was taken, but not told of yet
  if (exit_code) return exit_code;
  log_(line(LogLevel::info, "turn", "serves this node from now on"));
  return std::nullopt;
}

Turns::Verdict Turns::look(TimePoint now) {
  observe(now);
  if (turn_.must_hand_over() || displaced_) {
    handed_over_ = true;
    return Verdict::hand_over;
  }
  if (!turn_.may_end(now)) return Verdict::go_on;
  if (!file_) return Verdict::end;
  // A standby that is asked to end at this moment either sees this, and stays, or is not seen by
  // the second look.
  file_->take(Place::leaving);
  observe(now);
  if (turn_.may_end(now)) return Verdict::end;
  file_->leave(Place::leaving);
  return Verdict::go_on;
}

Duration Turns::pause() const {
  return config_.role == Role::primary && !turn_.end_asked() ? kCalmLook : kLook;
}

bool Turns::another_would_serve() const {
  return config_.role == Role::primary && turn_.sees_standby();
}

std::string Turns::bridging(TimePoint now) const {
  if (config_.role != Role::standby || !serving_since_) return "";
  if (now - *serving_since_ < kBridgingLong) return "";
  return "weave-net's pod is away from this node, which its standby serves: kubectl describe that "
         "pod, or the DaemonSet weave-net if there is none";
}

}  // namespace weft::kube
