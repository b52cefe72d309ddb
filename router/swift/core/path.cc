// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/path.h"

#include <algorithm>
#include <tuple>

namespace weft::swift {
namespace {

// Probes whose answer may still come; a search for the MTU sends twenty at a time.
constexpr std::size_t kSentMax = 256;
constexpr std::chrono::seconds kSentAgeMax{10};

std::string seconds_text(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}

// The beat after `last`, half an interval away at least. All paths of a host beat together, so that
// it wakes once a second and not once for each peer.
TimePoint next_beat(TimePoint last) {
  constexpr Duration kInterval = Path::kHeartbeatUp;
  const Duration earliest = (last + kInterval / 2).time_since_epoch();
  return TimePoint((earliest + kInterval - Duration(1)) / kInterval * kInterval);
}

}  // namespace

Path::Path(PathConfig config)
    : config_(std::move(config)),
      remote_(config_.remote),
      mtu_(config_.mtu_ceiling),
      ports_(config_.stream_ports) {}

template <class Change>
void Path::watch(TunnelEffects& out, Change change) {
  const auto seen = [this] {
    return std::tuple(up(), mtu(), one_source_port(), remote_);
  };
  const auto before = seen();
  change();
  out.spec_changed |= seen() != before;
}

void Path::set_ready(TimePoint now, bool ready, TunnelEffects& out) {
  if (ready == ready_) return;
  ready_ = ready;
  if (ready_ && remote_.port != 0) return begin_probing(now, out);
  if (ready_) return;
  watch(out, [&] {
    state_ = State::idle;
    heartbeat_at_.reset();
    retry_at_.reset();
    mtu_.stop();
    ports_.stop();
  });
}

void Path::begin_probing(TimePoint now, TunnelEffects& out) {
  watch(out, [&] {
    state_ = State::probing;
    retry_at_.reset();
    echoes_ = 0;
    good_at_ = now;
    // The path may be another than before.
    mtu_ = MtuSearch(config_.mtu_ceiling);
    translated_ = false;
    send_heartbeat(now, out);
  });
}

void Path::maybe_up(TimePoint now, TunnelEffects& out) {
  const int needed = was_up_ ? kEchoesToReturn : 1;
  if (state_ != State::probing || echoes_ < needed || !mtu_.known()) return;
  state_ = State::up;
  was_up_ = true;
  up_since_ = now;
  ports_.start(now);
  out.log.push_back(
      {.level = LogLevel::info,
       .text = "path is up: packets of " + std::to_string(mtu()) + " bytes to " + remote_.text()});
}

void Path::go_down(TimePoint now, TunnelEffects& out) {
  const bool was_up = up();
  if (was_up && now - up_since_ >= kSettled) back_off_ = kBackOffMin;
  watch(out, [&] {
    state_ = State::down;
    heartbeat_at_.reset();
    mtu_.stop();
    ports_.stop();
  });
  retry_at_ = now + back_off_;
  // Of one that never worked it is said once.
  if (was_up || (!was_up_ && back_off_ == kBackOffMin)) {
    out.log.push_back({.level = LogLevel::warning,
                       .text = (was_up ? "path is lost: " : "path does not work: ") + trouble() +
                               "; next try in " + seconds_text(back_off_)});
  }
  back_off_ = std::min(2 * back_off_, Duration(kBackOffMax));
}

std::uint8_t Path::next_stream() {
  const std::size_t streams = std::max<std::size_t>(config_.stream_ports.size(), 1);
  const auto stream = static_cast<std::uint8_t>(stream_ % streams);
  stream_ = static_cast<std::uint8_t>((stream + 1U) % streams);
  return stream;
}

void Path::send(TimePoint now, Sent what, bool main_port, TunnelEffects& out) {
  what.number = ++number_;
  what.at = now;
  if (sent_.size() == kSentMax) sent_.pop_front();
  sent_.push_back(what);
  const bool sized = what.purpose == Purpose::size;
  out.probes.push_back({.stream = what.stream,
                        .probe = {.kind = sized ? ProbeKind::mtu_probe : ProbeKind::heartbeat,
                                  .main_port = main_port,
                                  .number = what.number,
                                  .packet_size = static_cast<std::uint16_t>(what.size)}});
}

void Path::send_heartbeat(TimePoint now, TunnelEffects& out) {
  // By turns over all streams, so that no worker can be dead unnoticed.
  send(now, {.stream = next_stream()}, true, out);
  heartbeat_at_ = now + (state_ == State::probing ? kHeartbeatProbing : kHeartbeatAgain);
}

void Path::on_probe(TimePoint now, std::uint8_t stream, Endpoint from, const Probe& probe,
                    TunnelEffects& out) {
  if (config_.only && from.ip != *config_.only) return;
  switch (probe.kind) {
    case ProbeKind::heartbeat:
    case ProbeKind::mtu_probe:
      on_heartbeat(now, from, probe, out);
      answer(now, stream, from, probe, out);
      return;
    case ProbeKind::echo:
    case ProbeKind::mtu_echo:
      on_echo(now, probe, out);
      return;
  }
}

void Path::on_heartbeat(TimePoint now, Endpoint from, const Probe& probe, TunnelEffects& out) {
  // From another port nothing can be learnt, and a late one may tell of yesterday's address.
  if (!probe.main_port || probe.number <= heard_number_) return;
  heard_number_ = probe.number;
  const bool moved = from != remote_;
  if (moved) {
    tell_moved(now, from, out);
    remote_ = from;
    out.spec_changed = true;
  }
  if (!ready_) return;
  if (state_ == State::idle || (state_ == State::down && moved)) return begin_probing(now, out);
  if (state_ == State::up && moved) return send_heartbeat(now, out);
  // The way from there works again. Perhaps the way there does, too; not asked at every heartbeat.
  if (state_ != State::down || (hinted_at_ && now - *hinted_at_ < kProbingMax + kBackOffMin)) {
    return;
  }
  hinted_at_ = now;
  begin_probing(now, out);
}

void Path::tell_moved(TimePoint now, Endpoint to, TunnelEffects& out) {
  if (remote_.port == 0) {
    out.log.push_back({.level = LogLevel::debug, .text = "peer is at " + to.text()});
    return;
  }
  // Somebody on the path could have it written at every heartbeat.
  const auto occasions = moved_log_.admit(now);
  if (!occasions) return;
  out.log.push_back({.level = LogLevel::info,
                     .text = "peer has moved from " + remote_.text() + " to " + to.text() + "; " +
                             std::to_string(*occasions) + " since last told"});
}

void Path::answer(TimePoint now, std::uint8_t stream, Endpoint from, const Probe& probe,
                  TunnelEffects& out) {
  if (!ready_ || remote_.port == 0) return;
  if (now - answers_since_ >= std::chrono::seconds(1)) {
    answers_since_ = now;
    answers_ = 0;
  }
  if (++answers_ > kAnswersMax) return;
  const std::size_t streams = std::max<std::size_t>(config_.stream_ports.size(), 1);
  const bool sized = probe.kind == ProbeKind::mtu_probe;
  out.probes.push_back({.stream = static_cast<std::uint8_t>(stream % streams),
                        .probe = {.kind = sized ? ProbeKind::mtu_echo : ProbeKind::echo,
                                  .main_port = true,
                                  .number = probe.number,
                                  .packet_size = sized ? probe.packet_size : std::uint16_t{0},
                                  .seen = from}});
}

void Path::on_echo(TimePoint now, const Probe& echo, TunnelEffects& out) {
  const auto at = std::ranges::find(sent_, echo.number, &Sent::number);
  if (at == sent_.end()) return;
  const Sent sent = *at;
  const bool sized = sent.purpose == Purpose::size;
  if (sized != (echo.kind == ProbeKind::mtu_echo) || sent.size != echo.packet_size) return;
  sent_.erase(at);
  if (state_ != State::probing && state_ != State::up) return;
  watch(out, [&] {
    switch (sent.purpose) {
      case Purpose::heartbeat:
        on_good(now, sent, echo.seen);
        break;
      case Purpose::port:
        ports_.on_echo(now, sent.stream, echo.seen.port);
        break;
      case Purpose::size:
        mtu_.on_echo(now, sent.size);
        break;
    }
    maybe_up(now, out);
  });
}

void Path::on_good(TimePoint now, const Sent& sent, Endpoint seen) {
  good_at_ = std::max(good_at_, sent.at);
  if (state_ == State::up) heartbeat_at_ = next_beat(good_at_);
  round_trip_ = now - sent.at;
  translated_ = seen.port != config_.port;
  if (state_ == State::up && now - up_since_ >= kSettled) back_off_ = kBackOffMin;
  // What the path carries is asked once it carries anything.
  if (state_ == State::probing && ++echoes_ == 1) mtu_.start(now);
}

void Path::on_path_mtu(TimePoint now, int mtu, TunnelEffects& out) {
  watch(out, [&] { mtu_.on_too_big(now, mtu); });
}

void Path::check_silence(TimePoint now, TunnelEffects& out) {
  if (now - good_at_ >= (state_ == State::up ? kSilenceMax : kProbingMax)) go_down(now, out);
}

void Path::on_deadline(TimePoint now, TunnelEffects& out) {
  while (!sent_.empty() && now - sent_.front().at > kSentAgeMax)
    sent_.pop_front();
  if (state_ == State::down && retry_at_ && *retry_at_ <= now) return begin_probing(now, out);
  if (state_ != State::probing && state_ != State::up) return;
  if (heartbeat_at_ && *heartbeat_at_ <= now) {
    send_heartbeat(now, out);
    mtu_.hasten(now, kWithHeartbeat);
    ports_.hasten(now, kWithHeartbeat);
  }
  watch(out, [&] {
    std::vector<int> sizes;
    mtu_.on_deadline(now, sizes);
    for (const int size : sizes)
      send(now, {.purpose = Purpose::size, .stream = next_stream(), .size = size}, true, out);
    maybe_up(now, out);
    std::vector<std::uint8_t> streams;
    ports_.on_deadline(now, streams);
    for (const std::uint8_t stream : streams)
      send(now, {.purpose = Purpose::port, .stream = stream}, false, out);
  });
  check_silence(now, out);
}

std::optional<TimePoint> Path::next_deadline() const {
  switch (state_) {
    case State::idle:
      return std::nullopt;
    case State::down:
      return retry_at_;
    case State::probing:
    case State::up:
      break;
  }
  auto next = earliest(heartbeat_at_, good_at_ + (up() ? kSilenceMax : kProbingMax));
  return earliest(next, earliest(mtu_.next_deadline(), ports_.next_deadline()));
}

std::string Path::trouble() const {
  const std::string port = "UDP " + std::to_string(config_.port);
  switch (state_) {
    case State::up:
      return "";
    case State::idle:
      if (!ready_) return "";
      return "no datagram has come from the peer: is " + port + " open on this host?";
    case State::probing:
    case State::down:
      break;
  }
  if (echoes_ > 0 && state_ == State::probing && !mtu_.known()) {
    return "packets of " + std::to_string(MtuSearch::kFloor) + " bytes do not arrive at " +
           remote_.text();
  }
  return "no answer over UDP from " + remote_.text() + ": is " + port + " open both ways?";
}

std::optional<TimePoint> Path::retry() const {
  return state_ == State::down ? retry_at_ : std::nullopt;
}

}  // namespace weft::swift
