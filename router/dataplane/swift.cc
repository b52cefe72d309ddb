// SPDX-License-Identifier: Apache-2.0
// The data plane's part in swift: tunnels from LinkReady on, what they wish, what the packet
// workers report and what they are told. Frames come here only from sleeve, or to go by it.
#include <algorithm>
#include <utility>

#include "router/dataplane/internal/core.h"
#include "router/overlay/control_wire.h"

namespace weft::dataplane {

void Dataplane::Core::enable_swift(SwiftConfig config, Rng& rng) {
  swift_ = std::move(config);
  rng_ = &rng;
  spec_changed_ = true;
}

void Dataplane::Core::start_swift(TimePoint now, Link& link, const gossip::LinkReady& ready,
                                  Output& out) {
  const auto index = link.overlays.find("swift");
  if (!index || !swift_) return;
  link.swift_index = *index;
  // Until it works: what other overlays carry shall not wait for it.
  link.overlays.on_health(*index, false);
  const swift::TunnelConfig config{.link = link.id,
                                   .us = config_.name,
                                   .them = ready.peer,
                                   .conn_uid = ready.conn_uid,
                                   .outbound = ready.outbound,
                                   .tcp_remote = ready.remote,
                                   .local = ready.local.ip,
                                   .port = config_.port,
                                   .key = ready.overlay_key,
                                   .aeads = swift_->aeads,
                                   .stream_ports = swift_->stream_ports,
                                   .mtu_ceiling = swift_->mtu_ceiling,
                                   .rekey_interval = swift_->rekey_interval};
  // An index is random; another tunnel's is not taken.
  do {
    link.swift.emplace(config, *rng_);
  } while (find_tunnel(link.swift->index()) != &link);
  link.swift->start(now, swift_effects_);
  take_swift(link, out);
}

void Dataplane::Core::take_swift(Link& link, Output& out) {
  for (const swift::TaggedBody& control : swift_effects_.controls) {
    auto payload = overlay::write_control(
        {.index = link.swift_index, .tag = control.tag, .body = control.body},
        link.overlays.size());
    if (payload) out.control.push_back({.link = link.id, .payload = std::move(*payload)});
  }
  for (const auto& [stream, probe] : swift_effects_.probes)
    out.probes.push_back({.tunnel = link.swift->index(), .stream = stream, .probe = probe});
  for (LogLine& line : swift_effects_.log) {
    line.component = "swift";
    line.peer = link.peer_text;
    out.log.push_back(std::move(line));
  }
  spec_changed_ |= swift_effects_.spec_changed;
  const bool refused = swift_effects_.refused.has_value();
  if (refused) {
    link.overlays.on_failed(link.swift_index);
    out.log.push_back({.level = LogLevel::warning,
                       .component = "swift",
                       .peer = link.peer_text,
                       .address = link.remote.text(),
                       .text = *swift_effects_.refused});
  }
  swift_effects_ = {};
  if (refused || link.swift->up() != link.swift_up) switch_swift(link, out);
}

// The tunnel has come up or gone down: tells the switch, and with it who carries the frames.
void Dataplane::Core::switch_swift(Link& link, Output& out) {
  const bool was_up = std::exchange(link.swift_up, link.swift->up());
  spec_changed_ = true;
  link.overlays.on_health(link.swift_index, link.swift_up);
  index_peers();
  if (link.swift_up) {
    if (link.overlays.on_established(link.swift_index)) out.established.push_back(link.id);
    return;
  }
  const bool unanswered = link.swift->status().fault == swift::TunnelFault::path;
  if (was_up) ++(unanswered ? counters_.swift_lost_unanswered : counters_.swift_lost_keys);
  const auto best = link.overlays.best();
  if (!best) return fail(link, link.swift->status().trouble, out);
  if (!was_up) return;
  out.log.push_back({.level = LogLevel::warning,
                     .component = "swift",
                     .peer = link.peer_text,
                     .address = {},
                     .text = "frames go by " + link.overlays.name(*best) + " now"});
}

void Dataplane::Core::on_swift_control(TimePoint now, Link& link,
                                       const overlay::ControlMessage& message, Output& out) {
  const auto ok = link.swift->on_control(now, message.tag, message.body, swift_effects_);
  if (!ok) on_bad_control(now, link, ok.error(), out);
  take_swift(link, out);
  refresh_deadline();
}

Dataplane::Core::Link* Dataplane::Core::find_tunnel(std::uint32_t index) const {
  const auto at = std::ranges::find_if(
      links_, [index](const auto& l) { return l->swift && l->swift->index() == index; });
  return at == links_.end() ? nullptr : at->get();
}

// By the rules for what is captured, or comes from an overlay.
void Dataplane::Core::on_learnt(TimePoint now, const swift::Learnt& learnt, Output& out) {
  auto& macs = forwarding_.macs();
  const auto learning = learnt.peer == config_.name ? macs.add(now, learnt.mac, learnt.peer)
                                                    : macs.add_forced(now, learnt.mac, learnt.peer);
  if (learning.outcome == overlay::MacTable::Outcome::conflict) {
    return log_conflict(now, learnt.mac, learning.previous, out);
  }
  // For the other workers; the one that says so does not mind.
  out.learnt.push_back(learnt);
}

void Dataplane::Core::on_swift_event(TimePoint now, const swift::Event& event, Output& out) {
  if (const auto* learnt = std::get_if<swift::Learnt>(&event)) {
    return on_learnt(now, *learnt, out);
  }
  if (const auto* decision = std::get_if<overlay::Decision>(&event)) {
    return trace(*decision, out);
  }
  if (const auto* conflict = std::get_if<swift::MacConflict>(&event)) {
    return log_conflict(now, conflict->mac, conflict->peer, out);
  }
  Link* link = nullptr;
  if (const auto* received = std::get_if<swift::ProbeReceived>(&event)) {
    link = find_tunnel(received->tunnel);
    if (link != nullptr) link->swift->on_probe(now, *received, swift_effects_);
  } else if (const auto* first = std::get_if<swift::FirstOfEpoch>(&event)) {
    link = find_tunnel(first->tunnel);
    if (link != nullptr) link->swift->on_first_of_epoch(now, first->epoch, swift_effects_);
  } else if (const auto* high = std::get_if<swift::CounterHigh>(&event)) {
    link = find_tunnel(high->tunnel);
    if (link != nullptr) link->swift->on_counter_high(now, high->epoch, swift_effects_);
  }
  // RemoteMoved needs no answer: a worker's own source port is not where datagrams are to go, and
  // the peer's next heartbeat, at most a second away, comes from the port that is.
  if (link == nullptr) return;
  take_swift(*link, out);
  refresh_deadline();
}

void Dataplane::Core::on_spec_applied(TimePoint now, std::uint64_t version, Output& out) {
  for (const auto& link : links_) {
    if (!link->swift) continue;
    link->swift->on_applied(now, version, swift_effects_);
    take_swift(*link, out);
  }
  refresh_deadline();
}

void Dataplane::Core::on_swift_path_mtu(TimePoint now, std::uint32_t tunnel, int path_mtu,
                                        Output& out) {
  Link* link = find_tunnel(tunnel);
  if (link == nullptr) return;
  link->swift->on_path_mtu(now, path_mtu, swift_effects_);
  take_swift(*link, out);
  refresh_deadline();
}

void Dataplane::Core::publish_spec(Output& out) {
  if (!swift_ || !std::exchange(spec_changed_, false)) return;
  auto spec = std::make_shared<swift::Spec>();
  spec->version = ++spec_version_;
  spec->unicast = routes_.unicast;
  spec->broadcast_hops = routes_.broadcast_hops;
  for (const auto& link : links_) {
    auto tunnel = link->swift ? link->swift->spec() : std::nullopt;
    if (!tunnel) continue;
    // Of several links to one peer, frames use the newest.
    tunnel->carries_frames = link->on_swift() && find(link->peer) == link.get();
    spec->tunnels.push_back(std::move(*tunnel));
    link->swift->on_published(spec_version_);
  }
  out.spec = std::move(spec);
}

void Dataplane::Core::on_frame_for_control(TimePoint now, const swift::FrameForControl& frame,
                                           std::span<const PeerName> hops, Output& out) {
  for (const PeerName hop : hops) {
    Link* link = find(hop);
    if (link == nullptr) {
      ++counters_.dropped_no_route;
      continue;
    }
    const sleeve::Frame whole{frame.source, frame.flood ? hop : frame.destination, frame.bytes};
    // The worker went by an older Spec if swift carries that link meanwhile. Sleeve will do then.
    const bool by_sleeve = link->sleeve_alive() && link->sleeve->established();
    if (!by_sleeve) {
      send(*link, whole, {.flood = frame.flood}, out);
      continue;
    }
    const auto sent = send_by_sleeve(*link, whole, {.flood = frame.flood}, out);
    if (sent == sleeve::Sent::too_big) on_too_big_flood(now, *link, frame.bytes.size(), out);
    if (sent == sleeve::Sent::must_not_split) answer_too_big(*link, whole);
  }
  return_answer(now, out);
}

void Dataplane::Core::send_by_swift(const Link& link, const sleeve::Frame& frame, bool flood,
                                    Output& out) {
  auto& arena = effects_for(out).arena;
  const std::size_t offset = arena.reserve(frame.bytes.size());
  std::ranges::copy(frame.bytes, arena.at(offset, frame.bytes.size()).begin());
  out.transmits.push_back({.where = {.hop = link.peer,
                                     .source = frame.source,
                                     .destination = frame.destination,
                                     .flood = flood},
                           .offset = offset,
                           .size = frame.bytes.size()});
}

}  // namespace weft::dataplane
