// SPDX-License-Identifier: Apache-2.0
// The way of a datagram in: opened where it lies, then injected from there, passed on, or both.
#include <algorithm>
#include <cstring>

#include "router/packet/fragment.h"
#include "router/swift/core/internal/core.h"
#include "router/swift/core/internal/fields.h"

namespace weft::swift {

void Forwarder::Core::on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out) {
  const auto outer = Outer::parse(datagram);
  if (!outer) {
    ++(datagram.size() < kOuterSize ? counters_.dropped_truncated : counters_.dropped_malformed);
    return;
  }
  Channel* channel = channels_.find(outer->index);
  if (channel == nullptr) {
    ++counters_.dropped_foreign_index;
    return;
  }
  // Its window is another worker's; here a replay would pass.
  if (outer->stream % config_.workers != config_.stream) {
    ++counters_.dropped_foreign_stream;
    return;
  }
  const Opened opened = channel->open(from, *outer, datagram, out);
  if (opened != Opened::ok) {
    count(opened);
    return;
  }
  ++counters_.received_datagrams;
  counters_.received_bytes += datagram.size();
  const std::size_t tag = outer->kind == Kind::sealed ? kTagSize : 0;
  on_text({.now = now,
           .from = from,
           .outer = *outer,
           .channel = channel,
           .datagram = datagram,
           .text = datagram.subspan(kOuterSize, datagram.size() - kOuterSize - tag)},
          out);
}

void Forwarder::Core::count(Opened why) {
  switch (why) {
    case Opened::ok:
      return;
    case Opened::truncated:
      ++counters_.dropped_truncated;
      return;
    case Opened::wrong_kind:
      ++counters_.dropped_wrong_kind;
      return;
    case Opened::stale_epoch:
      ++counters_.dropped_stale_epoch;
      return;
    case Opened::replayed:
      ++counters_.dropped_replayed;
      return;
    case Opened::tampered:
      ++counters_.dropped_tampered;
      return;
  }
}

void Forwarder::Core::on_text(const Arrival& arrival, Output& out) {
  const ByteView text = arrival.text;
  const auto inner = Inner::parse(text);
  const std::size_t prefix = inner && inner->relayed ? kPrefixMax : kInnerSize;
  if (!inner || text.size() < prefix) {
    ++counters_.dropped_malformed;
    return;
  }
  overlay::Forwarding::Names names{.sender = arrival.channel->peer(),
                                   .source = arrival.channel->peer(),
                                   .destination = config_.us};
  if (inner->relayed) {
    names.source = PeerName::from_u48(fields::u48(text.data() + kInnerSize));
    names.destination = PeerName::from_u48(fields::u48(text.data() + kInnerSize + kNamesSize / 2));
  }
  switch (inner->type) {
    case InnerType::frame:
      return on_segment(arrival, *inner, names, out);
    case InnerType::probe:
      return on_probe_text(arrival, out);
    case InnerType::fragment:
      return on_fragment(arrival, *inner, names, out);
  }
}

void Forwarder::Core::on_probe_text(const Arrival& arrival, Output& out) {
  const auto probe = Probe::parse(arrival.text);
  if (!probe) {
    ++counters_.dropped_malformed;
    return;
  }
  out.events.emplace_back(ProbeReceived{.tunnel = arrival.channel->index(),
                                        .stream = arrival.outer.stream,
                                        .from = arrival.from,
                                        .probe = *probe});
}

void Forwarder::Core::on_segment(const Arrival& arrival, const Inner& inner,
                                 const overlay::Forwarding::Names& names, Output& out) {
  const std::size_t prefix = inner.relayed ? kPrefixMax : kInnerSize;
  // The prefix of whoever passes it on may be longer than ours; the outer header in front of it is
  // not needed any more.
  Segment segment{.room = arrival.datagram.subspan(kOuterSize + prefix - kPrefixMax,
                                                   arrival.text.size() - prefix + kPrefixMax),
                  .partial_checksum = inner.partial_checksum};
  if (inner.partial_checksum) {
    if (std::size_t{inner.a} + inner.b + 2 > segment.frame().size()) {
      ++counters_.dropped_malformed;
      return;
    }
    segment.checksum_start = inner.a;
    segment.checksum_offset = inner.b;
  }
  on_frame(arrival.now, *arrival.channel, names, segment, out);
}

void Forwarder::Core::on_fragment(const Arrival& arrival, const Inner& inner,
                                  const overlay::Forwarding::Names& names, Output& out) {
  const std::size_t prefix = inner.relayed ? kPrefixMax : kInnerSize;
  const auto joined = fragments_.add(arrival.now, {.tunnel = arrival.channel->index(),
                                                   .epoch = arrival.outer.epoch,
                                                   .stream = arrival.outer.stream,
                                                   .first_counter = arrival.outer.counter - inner.a,
                                                   .index = inner.a,
                                                   .count = inner.b,
                                                   .source = names.source,
                                                   .destination = names.destination,
                                                   .bytes = arrival.text.subspan(prefix)});
  counters_.dropped_fragments += fragments_.take_dropped();
  if (joined) on_frame(arrival.now, *arrival.channel, names, whole(joined->frame, out), out);
}

bool Forwarder::Core::repeats_last(TimePoint now, const Channel& channel,
                                   const overlay::Forwarding::Names& names,
                                   const Byte* macs) const {
  return last_.from == &channel && last_.now == now && last_.source == names.source &&
         last_.destination == names.destination &&
         std::memcmp(last_.macs.data(), macs, last_.macs.size()) == 0;
}

void Forwarder::Core::on_frame(TimePoint now, const Channel& channel,
                               const overlay::Forwarding::Names& names, const Segment& segment,
                               Output& out) {
  const ByteSpan frame = segment.frame();
  const bool has_macs = frame.size() >= packet::kEthernetHeaderSize;
  if (has_macs && repeats_last(now, channel, names, frame.data())) {
    inject(segment, {.source = names.source}, out);
    return_answer(now, out);
    return;
  }
  const auto verdict = forwarding_.on_received(now, names, frame);
  note(verdict, names.source, frame, out);
  // Whatever was learnt may have moved the destination of the last one.
  last_ = {};
  if (verdict.drop != overlay::Drop::none) return;
  if (verdict.relay || verdict.flood) {
    const Passage passage{.source = verdict.source,
                          .destination = verdict.destination,
                          .flood = verdict.flood,
                          .from = &channel};
    choose_legs(passage, out);
    carry(segment, passage, out);
  }
  if (verdict.inject) {
    if (!verdict.flood && !config_.traces) {
      last_ = {
          .from = &channel, .source = names.source, .destination = names.destination, .now = now};
      std::memcpy(last_.macs.data(), frame.data(), last_.macs.size());
    }
    inject(segment, {.source = names.source, .flood = verdict.flood}, out);
  }
  return_answer(now, out);
}

void Forwarder::Core::inject(const Segment& segment, const Passage& passage, Output& out) {
  if (!packet::fits_mtu(segment.frame(), config_.bridge_mtu)) {
    inject_too_big(segment, passage, out);
    return;
  }
  add_injected(segment, out);
}

// As a router in front of the pods would.
void Forwarder::Core::inject_too_big(const Segment& segment, const Passage& passage, Output& out) {
  segment.complete_checksum(segment.frame());
  if (auto pieces = packet::Ipv4Fragmenter::make(segment.frame(), config_.bridge_mtu)) {
    while (const std::size_t size = pieces->next_size()) {
      const Segment piece{.room = out.arena.take(kPrefixMax + size)};
      pieces->write_next(piece.frame());
      add_injected(piece, out);
    }
    return;
  }
  ++counters_.dropped_too_big;
  if (passage.flood) return;
  if (!packet::answer_too_big(segment.frame(), config_.bridge_mtu, answer_.frame)) return;
  answer_.pending = true;
  answer_.source = config_.us;
  answer_.destination = passage.source;
  ++counters_.too_big_answered;
}

void Forwarder::Core::add_injected(const Segment& segment, Output& out) {
  ++counters_.injected_segments;
  const std::size_t first = out.injections.size();
  coalescer_.add(segment, out);
  count_injected(first, out);
}

void Forwarder::Core::count_injected(std::size_t first, const Output& out) {
  for (std::size_t i = first; i < out.injections.size(); ++i) {
    ++counters_.injected_frames;
    counters_.injected_bytes += out.injections[i].size;
  }
}

}  // namespace weft::swift
