// SPDX-License-Identifier: Apache-2.0
#include "gossip/link.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ensure.h"

namespace weft::gossip {

namespace {

constexpr std::string_view kMagic = "weave";
constexpr std::size_t kHeaderSize = 7;
constexpr Byte kPlain{0};
constexpr Byte kSealed{1};
// Done-with bytes are cut off the buffer once there are this many of them, not one by one.
constexpr std::size_t kCompactAt = 64 * 1024;

std::string version_range(unsigned min, unsigned max) {
  return "[" + std::to_string(min) + "," + std::to_string(max) + "]";
}

}  // namespace

Link::Link(TimePoint now, LinkOptions options, Bytes& out)
    : options_(std::move(options)), limit_(now + kHeaderTimeMax) {
  ensure(options_.password.has_value() == options_.keys.has_value(),
         "a link has a key pair exactly when it has a password");
  Writer(out).bytes(as_bytes(kMagic)).u8(kProtocolVersion).u8(kProtocolVersion);
}

void Link::feed(ByteView bytes) {
  if (state_ == State::failed) return;
  if (consumed_ == buffer_.size()) {
    buffer_.clear();
    consumed_ = 0;
  } else if (consumed_ >= kCompactAt) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
  }
  append(buffer_, bytes);
}

std::optional<Link::Event> Link::next(TimePoint now, Bytes& out) {
  for (bool more = true; more;) {
    switch (state_) {
      case State::header:
        more = read_header(now, out);
        break;
      case State::flag:
        more = read_flag(out);
        break;
      case State::key:
        more = read_key(out);
        break;
      case State::features:
      case State::open: {
        auto frame = read_frame();
        if (!frame) return std::nullopt;
        auto event = on_frame(now, std::move(*frame));
        if (event) return event;
        break;
      }
      case State::failed:
        more = false;
        break;
    }
  }
  return std::nullopt;
}

bool Link::send(ByteView message, Bytes& out) {
  std::size_t size = message.size() + (box_ ? crypto::kBoxOverhead : 0);
  if (size > kMessageMax) return false;
  Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(size));
  if (box_) {
    writer.bytes(box_->seal(message));
  } else {
    writer.bytes(message);
  }
  return true;
}

void Link::on_deadline(TimePoint now, Bytes& out) {
  if (state_ == State::failed) return;
  if (now >= limit_) {
    switch (state_) {
      case State::header:
        return fail("no protocol header within " + std::to_string(kHeaderTimeMax.count()) + " s");
      case State::flag:
      case State::key:
      case State::features:
        return fail("no introduction within " + std::to_string(kIntroductionTimeMax.count()) +
                    " s");
      case State::open:
        return fail("no heartbeat for " + std::to_string(kSilenceMax.count()) + " s");
      case State::failed:
        return;
    }
  }
  if (state_ != State::open || now < heartbeat_due_) return;
  const std::array<Byte, 1> heartbeat{static_cast<Byte>(Tag::heartbeat)};
  send(heartbeat, out);
  heartbeat_due_ = now + kHeartbeatInterval;
}

std::optional<TimePoint> Link::next_deadline() const {
  if (state_ == State::failed) return std::nullopt;
  return state_ == State::open ? std::min(limit_, heartbeat_due_) : limit_;
}

std::string Link::explain_close(std::string_view reason) const {
  std::string text(reason.empty() ? "closed by the peer" : reason);
  switch (state_) {
    case State::header:
      return text + " (before the protocol header)";
    case State::flag:
    case State::key:
      return text + " (during the introduction)";
    case State::features:
      // Whoever finds first that a frame does not open hangs up; the other sees only this.
      return text + (box_ ? " (during the introduction: perhaps the password differs)"
                          : " (during the introduction)");
    case State::open:
    case State::failed:
      break;
  }
  return text;
}

void Link::fail(std::string why) {
  state_ = State::failed;
  error_ = std::move(why);
  buffer_ = {};
  consumed_ = 0;
}

bool Link::read_header(TimePoint now, Bytes& out) {
  // Refuse at the first wrong byte: a port scanner need not be waited for.
  auto seen = as_text(ByteView(buffer_).subspan(consumed_));
  auto common = std::min(seen.size(), kMagic.size());
  if (seen.substr(0, common) != kMagic.substr(0, common)) {
    fail("not the mesh protocol: the header does not start with 'weave'");
    return false;
  }
  auto header = take(kHeaderSize);
  if (!header) return false;
  auto min = std::to_integer<std::uint8_t>((*header)[5]);
  auto max = std::to_integer<std::uint8_t>((*header)[6]);
  if (min > kProtocolVersion || max < kProtocolVersion || min > max) {
    fail("remote version range " + version_range(min, max) + " is incompatible with ours " +
         version_range(kProtocolVersion, kProtocolVersion));
    return false;
  }
  state_ = State::flag;
  limit_ = now + kIntroductionTimeMax;
  if (options_.keys) {
    Writer(out).u8(std::to_integer<std::uint8_t>(kSealed)).bytes(options_.keys->public_key);
  } else {
    Writer(out).u8(std::to_integer<std::uint8_t>(kPlain));
  }
  return true;
}

bool Link::read_flag(Bytes& out) {
  auto flag = take(1);
  if (!flag) return false;
  bool sealed = flag->front() == kSealed;
  if (!sealed && flag->front() != kPlain) {
    fail("invalid encryption flag " + to_hex(*flag));
    return false;
  }
  if (sealed != options_.password.has_value()) {
    fail(sealed ? "we have no password, but the peer requires one (encrypted connection)"
                : "we have a password, but the peer has none (unencrypted connection)");
    return false;
  }
  if (sealed) {
    state_ = State::key;
  } else {
    send_features(out);
  }
  return true;
}

bool Link::read_key(Bytes& out) {
  auto bytes = take(crypto::kPublicKeySize);
  if (!bytes) return false;
  crypto::PublicKey theirs;
  std::copy(bytes->begin(), bytes->end(), theirs.begin());
  auto key = crypto::SessionKey::agree(*options_.keys, theirs, *options_.password);
  if (!key) {
    fail("unusable public key: " + to_string(key.error()));
    return false;
  }
  key_.emplace(*key);
  box_.emplace(*key, options_.outbound);
  send_features(out);
  return true;
}

std::optional<Bytes> Link::read_frame() {
  // What a large message took is given back: most links are idle most of the time.
  if (available() == 0 && buffer_.capacity() > kCompactAt) {
    buffer_ = {};
    consumed_ = 0;
  }
  if (available() < 4) return std::nullopt;
  std::size_t size = load_u32(ByteView(buffer_).subspan(consumed_));
  std::size_t max = state_ == State::open ? kMessageMax : kIntroductionMax;
  if (size > max) {
    fail("message of " + std::to_string(size) + " bytes exceeds the limit of " +
         std::to_string(max));
    return std::nullopt;
  }
  if (available() < 4 + size) return std::nullopt;
  take(4);
  auto body = *take(size);
  if (!box_) return to_bytes(body);
  auto plain = box_->open(body);
  if (!plain) {
    fail(opened_any_ ? "a message does not open: corrupted or forged"
                     : "the password differs from ours");
    return std::nullopt;
  }
  opened_any_ = true;
  return std::move(*plain);
}

std::optional<Link::Event> Link::on_frame(TimePoint now, Bytes frame) {
  limit_ = now + kSilenceMax;
  if (state_ == State::open) {
    // An empty message is legal and means nothing.
    if (frame.empty()) return std::nullopt;
    return Message{std::move(frame)};
  }
  auto features = parse_features(frame);
  if (!features) {
    fail("unreadable introduction: " + to_string(features.error()));
    return std::nullopt;
  }
  state_ = State::open;
  heartbeat_due_ = now + kHeartbeatInterval;
  return Introduced{std::move(*features)};
}

void Link::send_features(Bytes& out) {
  state_ = State::features;
  send(write_features(options_.features), out);
}

std::optional<ByteView> Link::take(std::size_t n) {
  if (available() < n) return std::nullopt;
  auto taken = ByteView(buffer_).subspan(consumed_, n);
  consumed_ += n;
  return taken;
}

}  // namespace weft::gossip
