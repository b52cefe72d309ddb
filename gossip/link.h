// SPDX-License-Identifier: Apache-2.0
// One mesh connection as a stream machine: header, encryption flag and public key, the feature
// maps, then length-prefixed messages, sealed when there is a password. It keeps the time limits
// and the heartbeats. Bytes come in by feed(), events go out by next(). docs/wire/gossip.md.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "base/time_point.h"
#include "crypto/stream_box.h"
#include "gossip/features_wire.h"

namespace weft::gossip {

// Time limits of Weave's connections (docs/wire/gossip.md).
inline constexpr std::chrono::seconds kHeaderTimeMax{10};
inline constexpr std::chrono::seconds kIntroductionTimeMax{60};
inline constexpr std::chrono::seconds kSilenceMax{60};
inline constexpr std::chrono::seconds kHeartbeatInterval{30};
// What a frame may hold, its seal included. Weave's limit.
inline constexpr std::size_t kMessageMax = 10 * 1024 * 1024;
// A feature map comes from somebody not yet known to hold the password, so it gets little room.
inline constexpr std::size_t kIntroductionMax = 64 * 1024;
// The only version spoken: no Weave 2.x needs the first.
inline constexpr std::uint8_t kProtocolVersion = 2;

// The first byte of a message.
enum class Tag : std::uint8_t {
  heartbeat = 0,
  overlay_established = 1,  // 1..3: only towards peers that name no overlays
  overlay_fragments_received = 2,
  overlay_mtu_verified = 3,
  gossip = 4,
  gossip_unicast = 5,
  gossip_broadcast = 6,
  overlay_control = 7,
  delta = 8,  // only between peers that both offered it
};

struct LinkOptions {
  bool outbound = false;                     // we dialled
  std::optional<crypto::Password> password;  // with a password a key pair is needed
  std::optional<crypto::KeyPair> keys;       // fresh for this connection
  FeatureMap features;                       // ours
};

// start -> header -> flag -> key (with a password) -> features -> open; from each to failed.
class Link {
 public:
  struct Introduced {
    FeatureMap features;
  };
  struct Message {
    Bytes body;  // tag and payload; never empty
  };
  using Event = std::variant<Introduced, Message>;

  // Appends our header to `out`, as every answer of the machine.
  Link(TimePoint now, LinkOptions options, Bytes& out);

  void feed(ByteView bytes);
  // The next thing the peer said, or nothing: it takes more bytes, or the link has failed.
  std::optional<Event> next(TimePoint now, Bytes& out);
  // False if the message is larger than a peer would accept; then nothing is appended.
  bool send(ByteView message, Bytes& out);

  void on_deadline(TimePoint now, Bytes& out);
  std::optional<TimePoint> next_deadline() const;

  bool failed() const { return state_ == State::failed; }
  const std::string& error() const { return error_; }
  // What the end of the stream means at this point, for people.
  std::string explain_close(std::string_view reason) const;
  // Present once the peer's public key has come.
  const std::optional<crypto::SessionKey>& key() const { return key_; }

 private:
  enum class State : std::uint8_t { header, flag, key, features, open, failed };

  void fail(std::string why);
  // Each reads one step if its bytes are there; false: more are needed.
  bool read_header(TimePoint now, Bytes& out);
  bool read_flag(Bytes& out);
  bool read_key(Bytes& out);
  std::optional<Bytes> read_frame();
  std::optional<Event> on_frame(TimePoint now, Bytes frame);
  void send_features(Bytes& out);
  // The next n bytes, consumed, if they have come.
  std::optional<ByteView> take(std::size_t n);
  std::size_t available() const { return buffer_.size() - consumed_; }

  LinkOptions options_;
  State state_ = State::header;
  std::string error_;
  Bytes buffer_;
  std::size_t consumed_ = 0;  // bytes at the front of the buffer that are done with
  std::optional<crypto::SessionKey> key_;
  std::optional<crypto::StreamBox> box_;
  bool opened_any_ = false;  // a sealed frame of the peer has opened: the passwords agree
  TimePoint limit_;          // when the current step must be done, or the peer be heard
  TimePoint heartbeat_due_;
};

}  // namespace weft::gossip
