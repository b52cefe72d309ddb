// SPDX-License-Identifier: Apache-2.0
#include "router/sleeve/tunnel.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ensure.h"

namespace weft::sleeve {
namespace {

std::optional<crypto::FrameBox> make_box(const TunnelConfig& config) {
  if (!config.key) return std::nullopt;
  return crypto::FrameBox(*config.key, config.outbound);
}

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](Byte b) { return b == Byte{0}; });
}

}  // namespace

Tunnel::Tunnel(TunnelConfig config)
    : config_(std::move(config)),
      opener_(make_box(config_)),
      outbox_(config_.us, make_box(config_)),
      path_mtu_(outbox_.overhead()) {
  config_.key.reset();
}

void Tunnel::confirm(TimePoint now, Effects& out) {
  confirmed_ = true;
  timeout_at_ = now + kHeartbeatTimeout;
  if (!config_.outbound) return;
  outbox_.set_remote(config_.tcp_remote, out);
  send_heartbeat(now, out);
}

void Tunnel::send_heartbeat(TimePoint now, Effects& out) {
  heartbeat_at_ = now + (acknowledged_ ? Duration(kHeartbeatSlow) : Duration(kHeartbeatFast));
  std::array<Byte, 8> uid{};
  store_u64(uid, config_.conn_uid);
  send_special(Path::df, kHeartbeatSize, uid, out);
}

void Tunnel::send_special(Path path, std::size_t size, ByteView body, Effects& out) {
  outbox_.close(path, out);
  const auto room = outbox_.add(path, {config_.us, config_.them}, size, out);
  if (!room) return;
  std::ranges::fill(*room, Byte{0});
  std::ranges::copy(body, room->subspan(kEthernetSize).begin());
  outbox_.close(path, out);
}

void Tunnel::on_control(TimePoint now, std::uint8_t tag, ByteView body, Effects& out) {
  if (!alive_ || !confirmed_) return;
  if (tag == kControlHeartbeatSeen) {
    on_acknowledged(now, out);
  } else if (tag == kControlFragmentsArrive) {
    stack_fragments_ = true;
  } else if (tag == kControlMtuVerified && body.size() == 2) {
    const bool settled = path_mtu_.on_verified(now, load_u16(body));
    after_mtu_step(out, settled);
  } else if (const auto count = control_log_.admit(now)) {
    log(out, LogLevel::warning,
        "ignored a control message with tag " + std::to_string(tag) + " and " +
            std::to_string(body.size()) + " bytes; " + std::to_string(*count) + " since last told");
  }
}

// Once only: a neighbour that repeats itself must not make us send 120 KB each time.
void Tunnel::on_acknowledged(TimePoint now, Effects& out) {
  if (acknowledged_) return;
  acknowledged_ = true;
  out.established = true;
  if (outbox_.remote()) start_tests(now, out);
}

// The probe is larger than any path takes: the kernel's refusal tells the path MTU.
void Tunnel::start_tests(TimePoint now, Effects& out) {
  send_fragmentation_test(now, out);
  send_special(Path::df, kPathMtuProbeSize, {}, out);
}

void Tunnel::send_fragmentation_test(TimePoint now, Effects& out) {
  fragmentation_test_at_ = now + kFragmentationTestInterval;
  stack_fragments_ = false;
  send_special(Path::non_df, kFragmentationTestSize, {}, out);
}

void Tunnel::on_path_mtu(TimePoint now, int path_mtu, Effects& out) {
  if (!alive_) return;
  path_mtu_.on_path_mtu(now, path_mtu);
  after_mtu_step(out, false);
}

void Tunnel::after_mtu_step(Effects& out, bool settled) {
  outbox_.set_max_payload(path_mtu_.max_payload(), out);
  if (settled) {
    log(out, LogLevel::info, "effective MTU verified at " + std::to_string(path_mtu_.mtu()));
  }
  const auto candidate = path_mtu_.take_test();
  if (!candidate || !outbox_.remote()) return;
  send_special(Path::df, static_cast<std::size_t>(*candidate) + kEthernetSize, {}, out);
}

void Tunnel::on_deadline(TimePoint now, Effects& out) {
  if (!alive_) return;
  if (timeout_at_ && *timeout_at_ <= now) return fail(out);
  if (heartbeat_at_ && *heartbeat_at_ <= now) send_heartbeat(now, out);
  if (fragmentation_test_at_ && *fragmentation_test_at_ <= now) send_fragmentation_test(now, out);
  const bool settled = path_mtu_.on_deadline(now);
  after_mtu_step(out, settled);
}

std::optional<TimePoint> Tunnel::next_deadline() const {
  if (!alive_) return std::nullopt;
  return earliest(earliest(heartbeat_at_, timeout_at_),
                  earliest(fragmentation_test_at_, path_mtu_.next_deadline()));
}

void Tunnel::fail(Effects& out) {
  outbox_.discard();
  alive_ = false;
  out.failed = waiting_for();
}

Opened Tunnel::open(ByteSpan datagram, ByteView& plain) {
  if (!opener_) {
    if (datagram.size() < kPlainOverhead) return Opened::malformed;
    plain = datagram.subspan(kPlainOverhead);
    return Opened::ok;
  }
  if (datagram.size() < kSealedOverhead) return Opened::malformed;
  const std::uint64_t sequence = load_u64(datagram.subspan(kSenderSize));
  if (!opener_->open(sequence, datagram.subspan(kSenderSize + kSequenceSize))) {
    return Opened::forged;
  }
  ReplayWindow& window = (sequence & kDfBit) != 0 ? df_window_ : non_df_window_;
  if (!window.accept(sequence & ~kDfBit)) return Opened::replayed;
  plain = datagram.subspan(kSealedOverhead);
  return Opened::ok;
}

bool Tunnel::on_special(TimePoint now, Endpoint from, const Frame& frame, Effects& out) {
  if (!alive_ || !confirmed_) return true;
  if (frame.source != config_.them || frame.destination != config_.us) return false;
  const ByteView body = frame.bytes.subspan(kEthernetSize);
  if (frame.bytes.size() == kHeartbeatSize) {
    if (load_u64(body) != config_.conn_uid) return false;
    on_heartbeat(now, from, out);
    return true;
  }
  if (frame.bytes.size() == kFragmentationTestSize) {
    if (!all_zero(body)) return false;
    if (may_answer_test(now)) out.controls.push_back({.tag = kControlFragmentsArrive, .mtu = {}});
    return true;
  }
  if (may_answer_test(now)) {
    out.controls.push_back(
        {.tag = kControlMtuVerified, .mtu = static_cast<std::uint16_t>(body.size())});
  }
  return true;
}

bool Tunnel::may_answer_test(TimePoint now) {
  if (now - answers_since_ >= std::chrono::seconds(1)) {
    answers_since_ = now;
    answers_ = 0;
  }
  return ++answers_ <= kTestAnswersMax;
}

void Tunnel::on_heartbeat(TimePoint now, Endpoint from, Effects& out) {
  timeout_at_ = now + kHeartbeatTimeout;
  learn_remote(now, from, out);
  if (std::exchange(heard_, true)) return;
  out.controls.push_back({.tag = kControlHeartbeatSeen, .mtu = {}});
}

void Tunnel::learn_remote(TimePoint now, Endpoint from, Effects& out) {
  const auto known = outbox_.remote();
  if (known == from) return;
  outbox_.set_remote(from, out);
  if (known) {
    if (const auto count = address_log_.admit(now)) {
      log(out, LogLevel::info,
          "remote address changed from " + known->text() + "; " + std::to_string(*count) +
              " changes since last told");
    }
    return;
  }
  send_heartbeat(now, out);
  if (acknowledged_) start_tests(now, out);
}

void Tunnel::log(Effects& out, LogLevel level, std::string text) const {
  const auto remote = outbox_.remote();
  out.log.push_back({.level = level,
                     .component = "sleeve",
                     .peer = config_.peer_text,
                     .address = remote ? remote->text() : host(),
                     .text = std::move(text)});
}

std::string Tunnel::waiting_for() const {
  const std::string ours = std::to_string(config_.port);
  const std::string theirs = std::to_string(remote().value_or(config_.tcp_remote).port);
  const std::string them = host();
  if (!alive_) {
    const std::string what = "timed out waiting for UDP heartbeat of " + them + ": ";
    if (heard_) return what + "it went silent, or UDP " + ours + " from it to us is now blocked";
    if (acknowledged_ || !config_.outbound) {
      return what + "UDP " + ours + " from it to us is blocked";
    }
    return what + "UDP " + theirs + " from us to it, or from it to us, is blocked";
  }
  if (heard_ && acknowledged_) return {};
  if (heard_) {
    return "heartbeats of " + them + " arrive, but ours are not acknowledged: UDP " + theirs +
           " from us to it is blocked";
  }
  if (acknowledged_) {
    return "no heartbeat from " + them + ", which hears ours: UDP " + ours +
           " from it to us is blocked";
  }
  if (!config_.outbound) {
    return "no heartbeat from " + them + ": UDP " + ours + " from it to us is blocked";
  }
  return "no heartbeat from " + them + ": UDP " + theirs +
         " from us to it, or from it to us, is blocked";
}

}  // namespace weft::sleeve
