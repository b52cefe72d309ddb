// SPDX-License-Identifier: Apache-2.0
// The way of frames through the data plane, per packet: nothing here allocates or logs in the
// normal case.
#include <algorithm>

#include "router/dataplane/internal/core.h"
#include "router/packet/fragment.h"
#include "router/packet/headers.h"

namespace weft::dataplane {
namespace {

constexpr std::size_t kFrameMax = 65535;  // what the length field of a frame holds

}  // namespace

void Dataplane::Core::on_routes(Routes&& routes) {
  forwarding_.routes().assign(routes.unicast, routes.broadcast_hops);
  if (!swift_) return;
  routes_ = std::move(routes);
  spec_changed_ = true;
}

void Dataplane::Core::on_captured(TimePoint now, ByteView frame, Output& out) {
  ++counters_.captured_frames;
  counters_.captured_bytes += frame.size();
  if (frame.size() > kFrameMax) {
    ++counters_.dropped_too_big;
    return;
  }
  carry_out(now, forwarding_.on_captured(now, frame), {.frame = frame, .origin = config_.name},
            out);
  return_answer(now, out);
}

void Dataplane::Core::on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out) {
  ++counters_.received_datagrams;
  const auto sender = sleeve::parse_sender(datagram);
  if (!sender) {
    ++counters_.dropped_malformed;
    return;
  }
  Link* link = find(*sender);
  if (link == nullptr || !link->sleeve_alive()) {
    ++counters_.dropped_unknown_sender;
    return;
  }
  ByteView plain;
  switch (link->sleeve->open(datagram, plain)) {
    case sleeve::Opened::ok:
      break;
    case sleeve::Opened::malformed:
      ++counters_.dropped_malformed;
      return;
    case sleeve::Opened::forged:
      ++counters_.dropped_forged;
      return;
    case sleeve::Opened::replayed:
      ++counters_.dropped_replayed;
      return;
  }
  sleeve::FrameReader frames(plain);
  while (const auto frame = frames.next()) {
    if (!overlay::is_special(frame->bytes)) {
      on_frame(now, *link, *frame, out);
      continue;
    }
    if (!link->sleeve->on_special(now, from, *frame, effects_for(out))) ++counters_.dropped_forged;
    take_effects(*link, out);
    refresh_deadline();
  }
  if (frames.malformed()) ++counters_.dropped_malformed;
}

void Dataplane::Core::on_frame(TimePoint now, Link& link, const sleeve::Frame& frame, Output& out) {
  const auto verdict = forwarding_.on_received(
      now, {.sender = link.peer, .source = frame.source, .destination = frame.destination},
      frame.bytes);
  if (verdict.learnt && swift_) {
    out.learnt.push_back({packet::source_mac(frame.bytes), frame.source});
  }
  carry_out(now, verdict, {.frame = frame.bytes, .origin = frame.source, .from = &link}, out);
  return_answer(now, out);
}

void Dataplane::Core::carry_out(TimePoint now, const overlay::Verdict& verdict,
                                const Passing& passing, Output& out) {
  if (config_.traces) trace(overlay::describe(passing.frame, passing.origin, verdict), out);
  if (verdict.drop != overlay::Drop::none) return on_drop(now, verdict, passing.frame, out);
  if (verdict.inject) inject(verdict, passing.frame, out);
  if (verdict.relay) relay(verdict, passing, out);
  if (verdict.flood) flood(now, verdict.source, passing, out);
}

void Dataplane::Core::trace(const overlay::Decision& decision, Output& out) {
  out.log.push_back({.level = LogLevel::info,
                     .component = "packet",
                     .peer = {},
                     .address = {},
                     .text = overlay::text(decision)});
}

void Dataplane::Core::inject(const overlay::Verdict& verdict, ByteView frame, Output& out) {
  if (!packet::fits_mtu(frame, config_.bridge_mtu)) {
    inject_too_big(verdict, frame, out);
    return;
  }
  std::ranges::copy(frame, add_injected(frame.size(), out).begin());
}

// As a router in front of the pods would.
void Dataplane::Core::inject_too_big(const overlay::Verdict& verdict, ByteView frame, Output& out) {
  if (auto pieces = packet::Ipv4Fragmenter::make(frame, config_.bridge_mtu)) {
    while (const std::size_t size = pieces->next_size())
      pieces->write_next(add_injected(size, out));
    return;
  }
  ++counters_.dropped_too_big;
  if (verdict.flood) return;
  answer_pending_ = packet::answer_too_big(frame, config_.bridge_mtu, answer_.frame);
  answer_.source = config_.name;
  answer_.destination = verdict.source;
}

ByteSpan Dataplane::Core::add_injected(std::size_t size, Output& out) {
  auto& arena = effects_for(out).arena;
  const std::size_t offset = arena.reserve(size);
  out.frames.push_back({.offset = offset, .size = size});
  ++counters_.injected_frames;
  counters_.injected_bytes += size;
  return arena.at(offset, size);
}

void Dataplane::Core::relay(const overlay::Verdict& verdict, const Passing& passing, Output& out) {
  const auto next_hop = forwarding_.routes().next_hop(verdict.destination);
  Link* link = next_hop ? find(*next_hop) : nullptr;
  if (link == nullptr) {
    ++counters_.dropped_no_route;
    return;
  }
  // While routes differ, two peers could pass a frame to and fro without end.
  if (link == passing.from) {
    ++counters_.dropped_looped;
    return;
  }
  if (passing.from != nullptr) ++counters_.relayed_frames;
  const sleeve::Frame frame{verdict.source, verdict.destination, passing.frame};
  const auto sent = send(*link, frame, {.flood = false}, out);
  if (sent == sleeve::Sent::must_not_split) answer_too_big(*link, frame);
}

void Dataplane::Core::answer_too_big(const Link& link, const sleeve::Frame& frame) {
  answer_pending_ = packet::answer_too_big(
      frame.bytes, static_cast<std::size_t>(link.sleeve->mtu()), answer_.frame);
  answer_.source = frame.destination;
  answer_.destination = frame.source;
}

void Dataplane::Core::flood(TimePoint now, PeerName origin, const Passing& passing, Output& out) {
  for (const PeerName hop : forwarding_.routes().flood_hops(origin)) {
    Link* link = find(hop);
    if (link == nullptr) {
      ++counters_.dropped_no_route;
      continue;
    }
    if (link == passing.from) {
      ++counters_.dropped_looped;
      continue;
    }
    if (passing.from != nullptr) ++counters_.relayed_frames;
    const auto sent = send(*link, {origin, hop, passing.frame}, {.flood = true}, out);
    if (sent == sleeve::Sent::too_big) on_too_big_flood(now, *link, passing.frame.size(), out);
  }
}

sleeve::Sent Dataplane::Core::send(Link& link, const sleeve::Frame& frame,
                                   sleeve::Tunnel::SendOptions options, Output& out) {
  if (!link.on_swift()) return send_by_sleeve(link, frame, options, out);
  send_by_swift(link, frame, options.flood, out);
  return sleeve::Sent::queued;
}

sleeve::Sent Dataplane::Core::send_by_sleeve(Link& link, const sleeve::Frame& frame,
                                             sleeve::Tunnel::SendOptions options, Output& out) {
  if (!link.sleeve_alive()) {
    count(sleeve::Sent::dead);
    return sleeve::Sent::dead;
  }
  const auto sent = link.sleeve->send(frame, options, effects_for(out));
  // Only a full datagram has left already; the others wait for flush().
  if (!effects_.datagrams.empty()) take_effects(link, out);
  if (!link.queued && link.sleeve->pending()) {
    link.queued = true;
    open_.push_back(&link);
    open_in_ = &out;
    open_batch_ = out.batch;
  }
  count(sent);
  return sent;
}

void Dataplane::Core::count(sleeve::Sent sent) {
  switch (sent) {
    case sleeve::Sent::queued:
      break;
    case sleeve::Sent::dead:
      ++counters_.dropped_no_route;
      break;
    case sleeve::Sent::no_address:
      ++counters_.dropped_no_address;
      break;
    case sleeve::Sent::too_big:
    case sleeve::Sent::must_not_split:
      ++counters_.dropped_too_big;
      break;
  }
}

void Dataplane::Core::flush(Output& out) {
  for (Link* link : open_) {
    link->queued = false;
    link->sleeve->flush(effects_for(out));
    take_effects(*link, out);
  }
  open_.clear();
  publish_spec(out);
}

void Dataplane::Core::return_answer(TimePoint now, Output& out) {
  if (!answer_pending_) return;
  answer_pending_ = false;
  const ByteView bytes = answer_.frame.view();
  const overlay::Forwarding::Names names{
      .sender = answer_.source, .source = answer_.source, .destination = answer_.destination};
  const auto verdict = answer_.source == config_.name ? forwarding_.on_captured(now, bytes)
                                                      : forwarding_.on_received(now, names, bytes);
  carry_out(now, verdict, {.frame = bytes, .origin = answer_.source}, out);
  // The answer has no DF and fits any path: there is no answer to it.
  answer_pending_ = false;
}

void Dataplane::Core::on_drop(TimePoint now, const overlay::Verdict& verdict, ByteView frame,
                              Output& out) {
  switch (verdict.drop) {
    case overlay::Drop::none:
    case overlay::Drop::spanning_tree:
    case overlay::Drop::local:
      return;
    case overlay::Drop::malformed:
      ++counters_.dropped_malformed;
      return;
    case overlay::Drop::unknown_source:
      ++counters_.dropped_unknown_sender;
      return;
    case overlay::Drop::looped:
      ++counters_.dropped_looped;
      return;
    case overlay::Drop::mac_conflict:
      ++counters_.dropped_mac_conflict;
      break;
  }
  log_conflict(now, packet::source_mac(frame), verdict.conflicting, out);
}

void Dataplane::Core::log_conflict(TimePoint now, MacAddr mac, PeerName owner, Output& out) {
  const auto occasions = conflict_log_.admit(now);
  if (!occasions) return;
  out.log.push_back({.level = LogLevel::error,
                     .component = "overlay",
                     .peer = owner.text(),
                     .address = {},
                     .text = "captured a frame from " + mac.text() +
                             ", which belongs to this peer; dropped " + std::to_string(*occasions) +
                             " since last told"});
}

void Dataplane::Core::on_too_big_flood(TimePoint now, const Link& link, std::size_t size,
                                       Output& out) {
  const auto occasions = flood_log_.admit(now);
  if (!occasions) return;
  out.log.push_back({.level = LogLevel::warning,
                     .component = "overlay",
                     .peer = link.peer_text,
                     .text = "dropped a flooded frame of " + std::to_string(size) +
                             " bytes, too big for the path; " + std::to_string(*occasions) +
                             " since last told"});
}

}  // namespace weft::dataplane
