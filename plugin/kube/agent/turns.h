// SPDX-License-Identifier: Apache-2.0
// Runs the agent whenever it is this process's turn to serve the node, and waits in between. Core's
// Turn decides; this looks at the other processes by a file beside weaver's state,
// `<db-prefix>weft-kube.turn`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "plugin/kube/agent/log.h"
#include "plugin/kube/core/turn.h"
#include "plugin/kube/files/turn_file.h"
#include "router/io/event_loop.h"
#include "router/io/http_address.h"
#include "router/io/http_server.h"

namespace weft::kube {

std::string turn_file_of(const std::string& db_prefix);

// SIGTERM and SIGINT are kept by the kernel from hold() on, also between one loop and the next, and
// are delivered while one of these lives.
class SignalsHeard {
 public:
  static void hold();
  SignalsHeard();
  SignalsHeard(const SignalsHeard&) = delete;
  SignalsHeard& operator=(const SignalsHeard&) = delete;
  ~SignalsHeard() { hold(); }
};

class Turns {
 public:
  // How often the other processes are looked at; a node may be without weaver for so long.
  static constexpr Duration kLook = std::chrono::milliseconds(50);
  static constexpr Duration kCalmLook = std::chrono::seconds(1);

  struct Config {
    Role role = Role::primary;
    std::string db_prefix;
    std::string node;
    std::optional<io::HttpAddress> status;  // where a standby that waits answers probes
  };
  Turns(Config config, Log log);

  // `serve` is the agent, on a loop of its own, with an exit code. Until SIGTERM, or until the
  // agent ends without having handed over.
  int run(const std::function<int()>& serve);

  // For the agent that serves.
  enum class Verdict : std::uint8_t { go_on, hand_over, end };
  Verdict look(TimePoint now);
  // Until the next look: long, where nothing but SIGTERM can end the turn.
  Duration pause() const;
  void on_end_asked(TimePoint now) { turn_.on_end_asked(now); }
  // Another served until a moment ago, so nothing can have happened to what it stored.
  bool fresh() const { return fresh_; }
  // A standby is there that would serve if we ended.
  bool another_would_serve() const;
  // Why a standby has served so long that people should know; empty: it has not.
  std::string bridging(TimePoint now) const;
  Role role() const { return config_.role; }

 private:
  void open_file(TimePoint now);
  void renew_file(TimePoint now);
  void observe(TimePoint now);
  bool try_turn(TimePoint now);
  void heed_history(TimePoint now);
  std::unique_ptr<io::HttpServer> waiting_server(io::EventLoop& loop) const;
  // The exit code if it was asked to end.
  std::optional<int> wait();

  Config config_;
  Log log_;
  std::string path_;
  Turn turn_;
  std::optional<TurnFile> file_;
  std::string trouble_;  // why there is no file
  std::optional<TimePoint> next_open_;
  std::optional<TimePoint> next_history_;
  std::optional<TimePoint> serving_since_;
  bool fresh_ = false;
  bool displaced_ = false;  // another has taken our place
  bool handed_over_ = false;
};

}  // namespace weft::kube
