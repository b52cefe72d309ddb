// SPDX-License-Identifier: Apache-2.0
// The way of a frame out: over every leg that swift carries, sealed from where it stands, and once
// to the control thread for the others.
#include <algorithm>
#include <cstring>

#include "router/swift/core/internal/core.h"
#include "router/swift/core/internal/fields.h"

namespace weft::swift {
namespace {

constexpr std::size_t kFragmentsMax = 255;

// What a router would answer instead of cutting it.
bool must_not_split(ByteView frame) {
  const auto layers = packet::parse_layers(frame);
  if (!layers) return false;
  return layers->network == packet::Network::ipv6 || layers->dont_fragment;
}

Inner inner_of(const Segment& segment) {
  if (!segment.partial_checksum) return {};
  return {.partial_checksum = true, .a = segment.checksum_start, .b = segment.checksum_offset};
}

}  // namespace

void Forwarder::Core::choose_legs(const Passage& passage, Output& out) {
  legs_.clear();
  control_first_ = out.hops.size();
  control_count_ = 0;
  if (passage.flood) {
    for (const PeerName hop : forwarding_.routes().flood_hops(passage.source))
      add_leg(hop, hop, passage, out);
    return;
  }
  const auto hop = forwarding_.routes().next_hop(passage.destination);
  if (!hop) {
    ++counters_.dropped_no_route;
    return;
  }
  add_leg(*hop, passage.destination, passage, out);
}

void Forwarder::Core::add_leg(PeerName hop, PeerName destination, const Passage& passage,
                              Output& out) {
  // While routes differ, two peers could pass a frame to and fro without end.
  if (passage.from != nullptr && hop == passage.from->peer()) {
    ++counters_.dropped_looped;
    return;
  }
  if (passage.from != nullptr) ++counters_.relayed_frames;
  if (Channel* channel = channels_.carrying(hop); channel != nullptr) {
    legs_.push_back({.channel = channel, .destination = destination});
    return;
  }
  out.hops.push_back(hop);
  ++control_count_;
}

bool Forwarder::Core::carry(const Segment& segment, const Passage& passage, Output& out) {
  bool wanted = true;
  for (const Leg& leg : legs_)
    wanted = send(leg, segment, passage, out) && wanted;
  if (control_count_ > 0) pass_up(segment, passage, out);
  return wanted;
}

// Writes what stands between the outer header and the frame so that it ends at `end`. A frame of
// ours to the neighbour itself goes without names.
std::size_t Forwarder::Core::write_prefix(const Leg& leg, Inner inner, const Passage& passage,
                                          Byte* end) const {
  inner.relayed = passage.source != config_.us || leg.destination != leg.channel->peer();
  const std::size_t size = inner.relayed ? kInnerSize + kNamesSize : kInnerSize;
  inner.write(ByteSpan(end - size, kInnerSize));
  if (inner.relayed) {
    fields::put_u48(end - kNamesSize, passage.source.value());
    fields::put_u48(end - kNamesSize / 2, leg.destination.value());
  }
  return size;
}

bool Forwarder::Core::send(const Leg& leg, const Segment& segment, const Passage& passage,
                           Output& out) {
  const ByteSpan frame = segment.frame();
  const std::size_t prefix = write_prefix(leg, inner_of(segment), passage, frame.data());
  const ByteView text(frame.data() - prefix, prefix + frame.size());
  if (text.size() > leg.channel->text_max()) return send_too_big(leg, segment, passage, out);
  seal(*leg.channel, text, out);
  return true;
}

bool Forwarder::Core::seal(Channel& channel, ByteView text, Output& out) {
  const bool was_open = channel.train_open();
  switch (channel.seal(text, out)) {
    case Sealed::ok:
      break;
    case Sealed::no_key:
      ++counters_.dropped_no_key;
      return false;
    case Sealed::exhausted:
      ++counters_.dropped_exhausted;
      return false;
  }
  if (!was_open && channel.train_open()) open_.push_back(&channel);
  ++counters_.sent_datagrams;
  counters_.sent_bytes += text.size();
  return true;
}

// As a router would: an answer to who may not be cut, fragments of our own for all others, and for
// those to whom there is no answer.
bool Forwarder::Core::send_too_big(const Leg& leg, const Segment& segment, const Passage& passage,
                                   Output& out) {
  const bool answerable = passage.answerable && !passage.flood && must_not_split(segment.frame());
  if (answerable &&
      packet::answer_too_big(segment.frame(), leg.channel->packet_mtu(), answer_.frame)) {
    answer_.pending = true;
    answer_.source = passage.destination;
    answer_.destination = passage.source;
    ++counters_.too_big_answered;
    return false;
  }
  send_fragments(leg, segment, passage, out);
  return true;
}

void Forwarder::Core::send_fragments(const Leg& leg, const Segment& segment, const Passage& passage,
                                     Output& out) {
  const ByteSpan room = out.arena.take(segment.frame().size());
  std::ranges::copy(segment.frame(), room.begin());
  segment.complete_checksum(room);
  const std::size_t piece_max = leg.channel->text_max() - kPrefixMax;
  const std::size_t count = (room.size() + piece_max - 1) / piece_max;
  if (count > kFragmentsMax) {
    ++counters_.dropped_too_big;
    return;
  }
  scratch_.resize(kPrefixMax + piece_max);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * piece_max;
    const std::size_t size = std::min(piece_max, room.size() - at);
    Byte* piece = scratch_.data() + kPrefixMax;
    std::memcpy(piece, room.data() + at, size);
    const Inner inner{.type = InnerType::fragment,
                      .a = static_cast<std::uint8_t>(i),
                      .b = static_cast<std::uint8_t>(count)};
    const std::size_t prefix = write_prefix(leg, inner, passage, piece);
    // The counters of a frame's fragments must be consecutive, so without one there is no other.
    if (!seal(*leg.channel, ByteView(piece - prefix, prefix + size), out)) return;
  }
}

void Forwarder::Core::pass_up(const Segment& segment, const Passage& passage, Output& out) {
  const ByteSpan bytes = out.arena.take(segment.frame().size());
  std::ranges::copy(segment.frame(), bytes.begin());
  segment.complete_checksum(bytes);
  ++counters_.to_control_frames;
  out.for_control.push_back({.bytes = bytes,
                             .source = passage.source,
                             .destination = passage.destination,
                             .flood = passage.flood,
                             .first_hop = control_first_,
                             .hop_count = control_count_});
}

void Forwarder::Core::return_answer(TimePoint now, Output& out) {
  if (!answer_.pending) return;
  answer_.pending = false;
  const Segment segment = whole(answer_.frame.view(), out);
  const ByteView frame = segment.frame();
  const overlay::Forwarding::Names names{
      .sender = answer_.source, .source = answer_.source, .destination = answer_.destination};
  const auto verdict = answer_.source == config_.us ? forwarding_.on_captured(now, frame)
                                                    : forwarding_.on_received(now, names, frame);
  note(verdict, answer_.source, frame, out);
  if (verdict.drop != overlay::Drop::none) return;
  if (verdict.inject) add_injected(segment, out);
  if (!verdict.relay && !verdict.flood) return;
  const Passage passage{.source = verdict.source,
                        .destination = verdict.destination,
                        .flood = verdict.flood,
                        .answerable = false};
  choose_legs(passage, out);
  carry(segment, passage, out);
}

}  // namespace weft::swift
