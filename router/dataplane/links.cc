// SPDX-License-Identifier: Apache-2.0
// The links of the data plane: their overlays from LinkReady to failure, control messages, timers
// and status.
#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "base/text.h"
#include "router/dataplane/internal/core.h"
#include "router/overlay/control_wire.h"

namespace weft::dataplane {
namespace {

// How much of a peer's own words is repeated in a reason.
constexpr std::size_t kOfferTextMax = 100;

}  // namespace

Dataplane::Core::Link* Dataplane::Core::find(gossip::LinkId id) const {
  const auto at = std::ranges::lower_bound(links_, id, {}, [](const auto& l) { return l->id; });
  return at != links_.end() && (*at)->id == id ? at->get() : nullptr;
}

Dataplane::Core::Link* Dataplane::Core::find(PeerName peer) const {
  const auto at = std::ranges::lower_bound(links_by_peer_, peer, {},
                                           [](const auto& entry) { return entry.first; });
  return at != links_by_peer_.end() && at->first == peer ? at->second : nullptr;
}

void Dataplane::Core::index_peers() {
  links_by_peer_.clear();
  for (const auto& link : links_) {
    if (link->usable()) links_by_peer_.emplace_back(link->peer, link.get());
  }
  std::ranges::sort(links_by_peer_, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->id > b.second->id;
  });
  const auto older = std::unique(links_by_peer_.begin(), links_by_peer_.end(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; });
  links_by_peer_.erase(older, links_by_peer_.end());
}

void Dataplane::Core::refresh_deadline() {
  links_deadline_.reset();
  for (const auto& link : links_) {
    if (link->sleeve) links_deadline_ = earliest(links_deadline_, link->sleeve->next_deadline());
    if (link->swift) links_deadline_ = earliest(links_deadline_, link->swift->next_deadline());
  }
}

void Dataplane::Core::on_link_ready(TimePoint now, const gossip::LinkReady& ready, Output& out) {
  if (find(ready.link) != nullptr) return;
  auto common = overlay::OverlaySwitch::common(config_.overlays, ready.overlays);
  auto made = std::make_unique<Link>(Link{.id = ready.link,
                                          .peer = ready.peer,
                                          .peer_text = display_name(ready.peer, ready.nickname),
                                          .local = ready.local,
                                          .remote = ready.remote,
                                          .overlays = overlay::OverlaySwitch(std::move(common))});
  Link& link = *made;
  const auto at =
      std::ranges::lower_bound(links_, ready.link, {}, [](const auto& l) { return l->id; });
  links_.insert(at, std::move(made));
  if (ready.overlays.empty()) {
    fail(link, "peer offers no overlays: protocol version 1 is not supported", out);
  } else if (link.overlays.size() == 0) {
    const std::string offered = join(ready.overlays, " ").substr(0, kOfferTextMax);
    fail(link, "no overlays in common with peer, which offers " + offered, out);
  } else {
    start_sleeve(now, link, ready, out);
    start_swift(now, link, ready, out);
    refresh_deadline();
  }
}

void Dataplane::Core::start_sleeve(TimePoint now, Link& link, const gossip::LinkReady& ready,
                                   Output& out) {
  const auto index = link.overlays.find("sleeve");
  // Of the overlays both know, those that are not carried here keep their number, unused.
  const auto swift_index = swift_ ? link.overlays.find("swift") : std::nullopt;
  for (std::size_t i = 0; i < link.overlays.size(); ++i) {
    if (i != index && i != swift_index) link.overlays.on_failed(i);
  }
  if (!index && swift_index) return;
  if (!index) return fail(link, "no overlay in common with peer is available here", out);
  link.sleeve_index = *index;
  link.sleeve.emplace(sleeve::TunnelConfig{.us = config_.name,
                                           .them = ready.peer,
                                           .peer_text = link.peer_text,
                                           .conn_uid = ready.conn_uid,
                                           .outbound = ready.outbound,
                                           .port = config_.port,
                                           .tcp_remote = ready.remote,
                                           .key = ready.overlay_key});
  link.sleeve->confirm(now, effects_for(out));
  take_effects(link, out);
  index_peers();
}

void Dataplane::Core::on_link_gone(gossip::LinkId id) {
  Link* link = find(id);
  if (link == nullptr) return;
  spec_changed_ |= link->swift.has_value();
  std::erase(open_, link);
  std::erase_if(links_, [link](const auto& l) { return l.get() == link; });
  index_peers();
  refresh_deadline();
}

void Dataplane::Core::fail(Link& link, std::string reason, Output& out) {
  link.failure = reason;
  out.failed.push_back({.link = link.id, .reason = std::move(reason)});
}

sleeve::Effects& Dataplane::Core::effects_for(Output& out) {
  ensure(open_.empty() || (open_in_ == &out && open_batch_ == out.batch),
         "dataplane: the output was emptied or changed before flush()");
  effects_.arena.bind(out.arena, out.arena_used);
  return effects_;
}

void Dataplane::Core::take_effects(Link& link, Output& out) {
  for (const sleeve::Datagram& d : effects_.datagrams) {
    out.datagrams.push_back({.link = link.id,
                             .to = d.to,
                             .local = link.local.ip,
                             .df = d.df,
                             .offset = d.offset,
                             .size = d.size});
  }
  counters_.sent_datagrams += effects_.datagrams.size();
  effects_.datagrams.clear();
  for (const sleeve::Control& control : effects_.controls)
    take_control(link, control, out);
  effects_.controls.clear();
  for (LogLine& line : effects_.log)
    out.log.push_back(std::move(line));
  effects_.log.clear();
  if (std::exchange(effects_.established, false) &&
      link.overlays.on_established(link.sleeve_index)) {
    out.established.push_back(link.id);
  }
  if (!effects_.failed) return;
  link.overlays.on_failed(link.sleeve_index);
  if (!link.overlays.best()) fail(link, *effects_.failed, out);
  effects_.failed.reset();
  std::erase(open_, &link);
  index_peers();
}

void Dataplane::Core::take_control(Link& link, const sleeve::Control& control, Output& out) const {
  std::array<Byte, 2> body{};
  if (control.mtu) store_u16(body, *control.mtu);
  const overlay::ControlMessage message{.index = link.sleeve_index,
                                        .tag = control.tag,
                                        .body = ByteView(body).first(control.mtu ? 2 : 0)};
  auto payload = overlay::write_control(message, link.overlays.size());
  if (payload) out.control.push_back({.link = link.id, .payload = std::move(*payload)});
}

void Dataplane::Core::on_control(TimePoint now, gossip::LinkId id, ByteView payload, Output& out) {
  Link* link = find(id);
  if (link == nullptr) return;
  const auto message = overlay::parse_control(payload, link->overlays.size());
  if (!message) return on_bad_control(now, *link, message.error(), out);
  if (link->swift && message->index == link->swift_index) {
    return on_swift_control(now, *link, *message, out);
  }
  if (!link->sleeve || message->index != link->sleeve_index) return;
  link->sleeve->on_control(now, message->tag, message->body, effects_for(out));
  take_effects(*link, out);
  refresh_deadline();
}

void Dataplane::Core::on_bad_control(TimePoint now, Link& link, const Error& error, Output& out) {
  const auto count = link.bad_control.admit(now);
  if (!count) return;
  out.log.push_back({.level = LogLevel::warning,
                     .component = "overlay",
                     .peer = link.peer_text,
                     .address = link.remote.text(),
                     .text = "ignored: " + to_string(error) + "; " + std::to_string(*count) +
                             " since last told"});
}

void Dataplane::Core::on_path_mtu(TimePoint now, gossip::LinkId id, int path_mtu, Output& out) {
  Link* link = find(id);
  if (link == nullptr || !link->sleeve) return;
  link->sleeve->on_path_mtu(now, path_mtu, effects_for(out));
  take_effects(*link, out);
  refresh_deadline();
}

void Dataplane::Core::on_deadline(TimePoint now, Output& out) {
  forwarding_.macs().sweep(now);
  if (!links_deadline_ || now < *links_deadline_) return;
  const auto is_due = [now](const auto& tunnel) {
    const auto due = tunnel ? tunnel->next_deadline() : std::nullopt;
    return due && *due <= now;
  };
  for (const auto& link : links_) {
    if (is_due(link->sleeve)) {
      link->sleeve->on_deadline(now, effects_for(out));
      take_effects(*link, out);
    }
    if (is_due(link->swift)) {
      link->swift->on_deadline(now, swift_effects_);
      take_swift(*link, out);
    }
  }
  refresh_deadline();
}

std::optional<TimePoint> Dataplane::Core::next_deadline() const {
  return earliest(links_deadline_, forwarding_.macs().next_sweep());
}

LinkOverlayStatus Dataplane::Core::link_status(gossip::LinkId id) const {
  LinkOverlayStatus status{.overlay = "none"};
  const Link* link = find(id);
  if (link == nullptr) return status;
  status.established = link->overlays.established();
  status.waiting_for = link->failure;
  if (link->swift) status.swift = link->swift->status();
  const auto best = link->overlays.best();
  if (!best) return status;
  status.overlay = link->overlays.name(*best);
  if (link->on_swift()) {
    status.encrypted = status.swift->encrypted;
    status.mtu = link->swift->mtu();
    status.waiting_for.clear();
  } else if (link->sleeve) {
    status.encrypted = link->sleeve->encrypted();
    status.mtu = link->sleeve->mtu();
    status.waiting_for = link->sleeve->waiting_for();
  }
  return status;
}

}  // namespace weft::dataplane
