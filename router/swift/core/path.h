// SPDX-License-Identifier: Apache-2.0
// Whether datagrams reach the other end of a tunnel and come back, how large they may be, from
// which ports, and where they are to go. Owns no keys; the tunnel says when it may send, and drives
// it.
//
//     idle ──can send──▶ probing ──echo, and size known──▶ up
//                          ▲  │ 3 s without                │ 3 s of silence
//                          │  ▼                            │
//                          └─ down: back-off 2 s … 60 s ◀──┘
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/time_point.h"
#include "router/overlay/log_limiter.h"
#include "router/swift/core/mtu_search.h"
#include "router/swift/core/port_check.h"
#include "router/swift/core/tunnel_effects.h"

namespace weft::swift {

struct PathConfig {
  // Who dialled knows where to send. Who accepted does not: the port is 0 until a heartbeat comes.
  Endpoint remote;
  // A plain tunnel believes no other address than that of the TCP connection.
  std::optional<Ipv4Addr> only;
  std::uint16_t port = 0;                   // our UDP port, on which we receive
  std::vector<std::uint16_t> stream_ports;  // the source port of each packet worker
  int mtu_ceiling = 1500;                   // of our side of the path, in bytes of IP packet
};

class Path {
 public:
  static constexpr std::chrono::milliseconds kHeartbeatProbing{500};
  static constexpr std::chrono::seconds kHeartbeatUp{1};
  // What is due so soon after a heartbeat is sent with it: an idle host wakes once for all of it.
  static constexpr std::chrono::milliseconds kWithHeartbeat{900};
  // While the answer is missing: a dozen must be lost before the path counts as lost.
  static constexpr std::chrono::milliseconds kHeartbeatAgain{250};
  // How old the latest answered heartbeat may be.
  static constexpr std::chrono::seconds kSilenceMax{3};
  static constexpr std::chrono::seconds kProbingMax{3};
  static constexpr std::chrono::seconds kBackOffMin{2};
  static constexpr std::chrono::seconds kBackOffMax{60};
  // Up for so long, a path has earned a quick retry.
  static constexpr std::chrono::seconds kSettled{60};
  // A path that failed must answer so often before it is used again.
  static constexpr int kEchoesToReturn = 3;
  // Answers per second. The other end sends some twenty at most; more is somebody who wants us
  // busy.
  static constexpr int kAnswersMax = 256;

  explicit Path(PathConfig config);

  // Whether there are keys to send with.
  void set_ready(TimePoint now, bool ready, TunnelEffects& out);
  // A probe came in, authenticated if the tunnel is sealed, in the peer's stream `stream`.
  void on_probe(TimePoint now, std::uint8_t stream, Endpoint from, const Probe& probe,
                TunnelEffects& out);
  // The kernel says that our side of the path takes IP packets of `mtu` bytes.
  void on_path_mtu(TimePoint now, int mtu, TunnelEffects& out);
  void on_deadline(TimePoint now, TunnelEffects& out);
  std::optional<TimePoint> next_deadline() const;

  bool up() const { return state_ == State::up; }
  Endpoint remote() const { return remote_; }
  int mtu() const { return std::max(mtu_.mtu(), MtuSearch::kFloor); }
  bool one_source_port() const { return translated_ || !ports_.usable(); }
  // Why it is not up, and which port and direction to look at; empty if it is.
  std::string trouble() const;
  // When a path that is down is tried again.
  std::optional<TimePoint> retry() const;
  std::optional<Duration> round_trip() const { return round_trip_; }

 private:
  enum class State : std::uint8_t { idle, probing, up, down };
  enum class Purpose : std::uint8_t { heartbeat, port, size };
  struct Sent {
    std::uint64_t number = 0;
    TimePoint at;
    Purpose purpose = Purpose::heartbeat;
    std::uint8_t stream = 0;
    int size = 0;
  };

  void begin_probing(TimePoint now, TunnelEffects& out);
  void maybe_up(TimePoint now, TunnelEffects& out);
  void go_down(TimePoint now, TunnelEffects& out);
  void on_heartbeat(TimePoint now, Endpoint from, const Probe& probe, TunnelEffects& out);
  void tell_moved(TimePoint now, Endpoint to, TunnelEffects& out);
  void answer(TimePoint now, std::uint8_t stream, Endpoint from, const Probe& probe,
              TunnelEffects& out);
  void on_echo(TimePoint now, const Probe& echo, TunnelEffects& out);
  void on_good(TimePoint now, const Sent& sent, Endpoint seen);
  void send_heartbeat(TimePoint now, TunnelEffects& out);
  void send(TimePoint now, Sent what, bool main_port, TunnelEffects& out);
  void check_silence(TimePoint now, TunnelEffects& out);
  std::uint8_t next_stream();
  // Runs `change` and notes in `out` whether it changed what a Spec says.
  template <class Change>
  void watch(TunnelEffects& out, Change change);

  PathConfig config_;
  State state_ = State::idle;
  bool ready_ = false;
  Endpoint remote_;
  MtuSearch mtu_;
  PortCheck ports_;
  bool translated_ = false;  // our port is not what the other end sees

  std::uint64_t number_ = 0;        // of our latest probe
  std::uint64_t heard_number_ = 0;  // the highest of theirs from their receiving port
  std::deque<Sent> sent_;           // unanswered
  std::uint8_t stream_ = 0;         // of the next heartbeat
  int echoes_ = 0;                  // since probing began
  bool was_up_ = false;
  TimePoint good_at_;  // when the latest answered heartbeat was sent, or probing began
  TimePoint up_since_;
  std::optional<TimePoint> heartbeat_at_;
  std::optional<TimePoint> retry_at_;
  std::optional<TimePoint> hinted_at_;
  Duration back_off_ = kBackOffMin;
  std::optional<Duration> round_trip_;
  TimePoint answers_since_;
  int answers_ = 0;
  overlay::LogLimiter moved_log_;
};

}  // namespace weft::swift
