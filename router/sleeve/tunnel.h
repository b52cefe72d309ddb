// SPDX-License-Identifier: Apache-2.0
// The sleeve to one neighbour: heartbeats both ways, the remote address as it is learnt, the tests
// for fragmentation and path MTU, sealing and opening, and which way each frame is sent. The data
// plane drives it and decides where frames go.
//
//     confirm: heartbeats every 500 ms ──their control 1──▶ established: heartbeats every 10 s
//        │                                                       │
//        └────────── 60 s without a heartbeat of theirs ─────────┴──▶ dead
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"
#include "base/peer_name.h"
#include "base/time_point.h"
#include "crypto/session_key.h"
#include "router/overlay/log_limiter.h"
#include "router/sleeve/effects.h"
#include "router/sleeve/outbox.h"
#include "router/sleeve/path_mtu.h"
#include "router/sleeve/replay_window.h"
#include "router/sleeve/wire.h"

namespace weft::sleeve {

inline constexpr std::chrono::milliseconds kHeartbeatFast{500};
inline constexpr std::chrono::seconds kHeartbeatSlow{10};
inline constexpr std::chrono::seconds kHeartbeatTimeout{60};
inline constexpr std::chrono::minutes kFragmentationTestInterval{5};
// Answers to test frames per second. A search sends a few; more is somebody who wants us to flood
// our own TCP connection.
inline constexpr int kTestAnswersMax = 32;

struct TunnelConfig {
  PeerName us;
  PeerName them;
  std::string peer_text;  // for log lines
  std::uint64_t conn_uid = 0;
  bool outbound = false;   // we dialled the TCP connection
  std::uint16_t port = 0;  // our UDP port
  // Of the TCP connection. If we dialled, UDP goes to the same address and port; if not, only the
  // IP is meaningful, for people, and the first heartbeat tells where to send.
  Endpoint tcp_remote;
  std::optional<crypto::SessionKey> key;  // present: everything is sealed, both ways
};

enum class Opened : std::uint8_t { ok, malformed, forged, replayed };

enum class Sent : std::uint8_t {
  queued,
  dead,
  no_address,      // the other side's first heartbeat has not come yet
  too_big,         // and nobody can be told
  must_not_split,  // too big and DF: the sender is to be told mtu()
};

class Tunnel {
 public:
  explicit Tunnel(TunnelConfig config);

  void confirm(TimePoint now, Effects& out);
  void on_control(TimePoint now, std::uint8_t tag, ByteView body, Effects& out);
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const;
  // The kernel refused a DF datagram of ours.
  void on_path_mtu(TimePoint now, int path_mtu, Effects& out);

  // Opens a whole datagram in place and points `plain` at its frames.
  Opened open(ByteSpan datagram, ByteView& plain);
  // A special frame, and where its datagram came from. False if it is not for this connection.
  bool on_special(TimePoint now, Endpoint from, const Frame& frame, Effects& out);

  // Queues an ordinary frame. It leaves with flush(), or when a datagram is full.
  struct SendOptions {
    bool flood = false;  // one of several copies: its sender is told nothing
  };
  Sent send(const Frame& frame, SendOptions options, Effects& out);
  void flush(Effects& out) { outbox_.flush(out); }
  void discard() { outbox_.discard(); }
  bool pending() const { return outbox_.open(); }

  bool alive() const { return alive_; }
  bool established() const { return acknowledged_; }
  bool encrypted() const { return outbox_.sealed(); }
  int mtu() const { return path_mtu_.mtu(); }
  std::optional<Endpoint> remote() const { return outbox_.remote(); }
  // Why frames do not flow both ways yet, and which port and direction to look at; else empty.
  std::string waiting_for() const;

 private:
  void send_heartbeat(TimePoint now, Effects& out);
  // Zero bytes, as a datagram of its own; `body` overwrites what follows the first 14.
  void send_special(Path path, std::size_t size, ByteView body, Effects& out);
  void start_tests(TimePoint now, Effects& out);
  void send_fragmentation_test(TimePoint now, Effects& out);
  void after_mtu_step(Effects& out, bool settled);
  void on_heartbeat(TimePoint now, Endpoint from, Effects& out);
  void learn_remote(TimePoint now, Endpoint from, Effects& out);
  void on_acknowledged(TimePoint now, Effects& out);
  bool may_answer_test(TimePoint now);
  void fail(Effects& out);

  Sent send_whole(Path path, const Frame& frame, Effects& out);
  Sent send_fragments(const Frame& frame, Effects& out);
  void log(Effects& out, LogLevel level, std::string text) const;
  std::string host() const { return config_.tcp_remote.ip.text(); }

  TunnelConfig config_;
  std::optional<crypto::FrameBox> opener_;
  Outbox outbox_;
  PathMtu path_mtu_;
  ReplayWindow df_window_;
  ReplayWindow non_df_window_;

  bool alive_ = true;
  bool confirmed_ = false;
  bool heard_ = false;            // a valid heartbeat has come
  bool acknowledged_ = false;     // they say that ours came
  bool stack_fragments_ = false;  // IP fragments reach them: large datagrams without DF will do
  std::optional<TimePoint> heartbeat_at_;
  std::optional<TimePoint> timeout_at_;
  std::optional<TimePoint> fragmentation_test_at_;
  TimePoint answers_since_;
  int answers_ = 0;
  overlay::LogLimiter control_log_;
  overlay::LogLimiter address_log_;
};

}  // namespace weft::sleeve
