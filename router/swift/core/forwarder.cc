// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/forwarder.h"

#include <algorithm>

#include "base/ensure.h"
#include "router/swift/core/internal/core.h"

namespace weft::swift {

Forwarder::Core::Core(const Config& config)
    : config_(config),
      forwarding_(config.us),
      channels_({.stream = config.stream,
                 .workers = config.workers,
                 .counter_high = config.counter_high}),
      coalescer_({.joins_udp = config.joins_udp}) {
  ensure(config.workers > 0 && config.stream < config.workers, "swift: a worker without a number");
}

void Forwarder::Core::apply(const Spec& spec) {
  ensure(open_.empty(), "swift: a spec in the middle of a batch");
  const auto changes = channels_.reconcile(spec.tunnels);
  counters_.refused_epochs += changes.refused_epochs;
  for (const std::uint32_t index : changes.gone)
    fragments_.forget(index);
  forwarding_.routes().assign(spec.unicast, spec.broadcast_hops);
  last_ = {};
}

void Forwarder::Core::learn(TimePoint now, MacAddr mac, PeerName peer) {
  last_ = {};
  if (peer == config_.us) {
    forwarding_.macs().add(now, mac, peer);
  } else {
    forwarding_.macs().add_forced(now, mac, peer);
  }
}

void Forwarder::Core::forget(PeerName peer) {
  last_ = {};
  forwarding_.macs().remove_peer(peer);
}

void Forwarder::Core::on_super_frame(TimePoint now, const VnetHeader& header, ByteSpan room,
                                     Output& out) {
  ++counters_.captured_frames;
  auto cutter = SegmentCutter::make(header, room);
  if (!cutter) {
    ++counters_.dropped_bad_frame;
    return;
  }
  const ByteView frame = room.subspan(kHeadroom);
  counters_.captured_bytes += frame.size();
  const auto verdict = forwarding_.on_captured(now, frame);
  note(verdict, config_.us, frame, out);
  if (verdict.drop != overlay::Drop::none) return;
  const Passage passage{
      .source = verdict.source, .destination = verdict.destination, .flood = verdict.flood};
  choose_legs(passage, out);
  if (legs_.empty() && control_count_ == 0) return;
  Segment segment;
  while (cutter->next(segment) && carry(segment, passage, out)) {
  }
  return_answer(now, out);
}

void Forwarder::Core::on_transmit(TimePoint now, const Transmit& where, ByteView frame,
                                  Output& out) {
  Channel* channel = channels_.carrying(where.hop);
  if (channel == nullptr) {
    ++counters_.dropped_no_route;
    return;
  }
  if (frame.size() < packet::kEthernetHeaderSize || frame.size() > kFrameMax) {
    ++counters_.dropped_bad_frame;
    return;
  }
  legs_.assign(1, {.channel = channel, .destination = where.destination});
  control_count_ = 0;
  carry(whole(frame, out),
        {.source = where.source, .destination = where.destination, .flood = where.flood}, out);
  return_answer(now, out);
}

void Forwarder::Core::on_probe(std::uint32_t tunnel, const Probe& probe, Output& out) {
  Channel* channel = channels_.find(tunnel);
  if (channel == nullptr) return;
  const std::size_t before = out.trains.size();
  if (channel->seal_probe(probe, out) != Sealed::ok) return;
  ++counters_.sent_datagrams;
  counters_.sent_bytes += out.trains[before].bytes.size();
}

void Forwarder::Core::flush(TimePoint now, Output& out) {
  const std::size_t first = out.injections.size();
  coalescer_.flush(out);
  count_injected(first, out);
  for (Channel* channel : open_)
    channel->close_train(out);
  open_.clear();
  last_ = {};
  forwarding_.macs().sweep(now);
}

Segment Forwarder::Core::whole(ByteView frame, Output& out) {
  const ByteSpan room = out.arena.take(kPrefixMax + frame.size());
  std::ranges::copy(frame, room.subspan(kPrefixMax).begin());
  return {.room = room};
}

void Forwarder::Core::note(const overlay::Verdict& verdict, PeerName from, ByteView frame,
                           Output& out) {
  if (config_.traces) out.events.emplace_back(overlay::describe(frame, from, verdict));
  if (verdict.learnt) {
    // A frame that was dropped as local has no source in its verdict; only captured ones can be.
    const bool ours = verdict.drop != overlay::Drop::none;
    out.events.emplace_back(
        Learnt{.mac = packet::source_mac(frame), .peer = ours ? config_.us : verdict.source});
  }
  if (verdict.drop == overlay::Drop::mac_conflict) {
    out.events.emplace_back(
        MacConflict{.mac = packet::source_mac(frame), .peer = verdict.conflicting});
  }
  count(verdict.drop);
}

void Forwarder::Core::count(overlay::Drop why) {
  switch (why) {
    case overlay::Drop::none:
    case overlay::Drop::spanning_tree:
    case overlay::Drop::local:
      return;
    case overlay::Drop::malformed:
      ++counters_.dropped_bad_frame;
      return;
    case overlay::Drop::mac_conflict:
      ++counters_.dropped_mac_conflict;
      return;
    case overlay::Drop::unknown_source:
      ++counters_.dropped_unknown_source;
      return;
    case overlay::Drop::looped:
      ++counters_.dropped_looped;
      return;
  }
}

Forwarder::Forwarder(Config config) : core_(std::make_unique<Core>(config)) {}
Forwarder::~Forwarder() = default;

void Forwarder::apply(const Spec& spec) {
  core_->apply(spec);
}
void Forwarder::learn(TimePoint now, MacAddr mac, PeerName peer) {
  core_->learn(now, mac, peer);
}
void Forwarder::forget(PeerName peer) {
  core_->forget(peer);
}
void Forwarder::on_super_frame(TimePoint now, const VnetHeader& header, ByteSpan room,
                               Output& out) {
  core_->on_super_frame(now, header, room, out);
}
void Forwarder::on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out) {
  core_->on_datagram(now, from, datagram, out);
}
void Forwarder::on_transmit(TimePoint now, const Transmit& where, ByteView frame, Output& out) {
  core_->on_transmit(now, where, frame, out);
}
void Forwarder::on_probe(std::uint32_t tunnel, const Probe& probe, Output& out) {
  core_->on_probe(tunnel, probe, out);
}
void Forwarder::flush(TimePoint now, Output& out) {
  core_->flush(now, out);
}
const Counters& Forwarder::counters() const {
  return core_->counters();
}

}  // namespace weft::swift
