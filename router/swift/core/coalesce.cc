// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/coalesce.h"

#include <algorithm>
#include <cstring>

#include "router/packet/headers.h"
#include "router/swift/core/internal/fields.h"

namespace weft::swift {
namespace {

constexpr std::size_t kMacsSize = 12;
// What the length fields of IPv4 and IPv6 hold.
constexpr std::size_t kPacketMax = 65535;

}  // namespace

Coalescer::Coalescer(Options options) : options_(options) {
  for (Held& held : held_)
    held.pieces.reserve(kJoinedMax);
}

// IDs must count on, or, with DF, may all be the same.
bool Coalescer::id_follows(Held& held, const Glance& next) {
  if (!next.v4) return true;
  const bool df = (fields::u16(next.frame + next.network_at + 6) & 0x4000U) != 0;
  const bool counted = next.id == held.next_id;
  const bool fixed = df && next.id == held.glance.id;
  switch (held.id_kind) {
    case IdKind::undecided:
      held.id_kind = counted ? IdKind::counted : IdKind::fixed;
      return counted || fixed;
    case IdKind::counted:
      return counted;
    case IdKind::fixed:
      return fixed;
  }
  return false;
}

bool Coalescer::follows(Held& held, const Glance& next) {
  const std::size_t payload = next.payload();
  if (payload == 0 || payload > held.segment_size) return false;
  if (next.tcp && next.sequence != held.next_sequence) return false;
  if ((next.flags & tcp_flag::kCwr) != 0) return false;
  const std::size_t most = next.tcp ? kJoinedMax : kJoinedUdpMax;
  if (held.pieces.size() >= most) return false;
  if (held.size + payload - held.glance.network_at > kPacketMax) return false;
  return headers_match(held.glance, next) && id_follows(held, next);
}

bool Coalescer::may_be_first(const Glance& g) {
  return g.payload() >= SegmentCutter::kPayloadMin && (g.flags & tcp_flag::kEnding) == 0;
}

// True if nothing may follow `glance`, which was joined last.
bool Coalescer::ends(const Held& held, const Glance& glance) {
  return glance.payload() < held.segment_size || (glance.flags & tcp_flag::kEnding) != 0;
}

std::size_t Coalescer::find(const Glance& glance) const {
  // The newest is the likeliest.
  for (std::size_t i = count_; i > 0; --i) {
    if (same_flow(held_[i - 1].glance, glance)) return i - 1;
  }
  return count_;
}

void Coalescer::add(const Segment& segment, Output& out) {
  Glance glance;
  if (!look(segment, glance) || (!glance.tcp && !options_.joins_udp)) {
    if (count_ > 0) emit_between(segment.frame().data(), out);
    emit_single(segment, out);
    return;
  }
  const std::size_t at = find(glance);
  if (at < count_) {
    Held& held = held_[at];
    if (follows(held, glance)) {
      join(held, glance);
      if (ends(held, glance)) emit(at, out);
      return;
    }
    emit(at, out);
  }
  if (may_be_first(glance)) {
    hold(segment, glance, out);
  } else {
    emit_single(segment, out);
  }
}

void Coalescer::hold(const Segment& segment, const Glance& glance, Output& out) {
  if (count_ == kHeldMax) emit(0, out);
  Held& held = held_[count_++];
  held.first = segment;
  held.glance = glance;
  held.segment_size = glance.payload();
  held.size = glance.size;
  held.next_sequence = glance.sequence + static_cast<std::uint32_t>(glance.payload());
  held.next_id = static_cast<std::uint16_t>(glance.id + 1);
  held.id_kind = IdKind::undecided;
  held.pieces.clear();
  held.pieces.push_back(segment.frame());
}

void Coalescer::join(Held& held, const Glance& glance) {
  held.pieces.emplace_back(glance.frame + glance.headers, glance.payload());
  held.size += glance.payload();
  held.next_sequence += static_cast<std::uint32_t>(glance.payload());
  ++held.next_id;
  held.glance.flags |= glance.flags & static_cast<std::uint8_t>(tcp_flag::kFin | tcp_flag::kPush);
}

// Lengths, IPv4 checksum, flags and the pseudo-header's sum of the whole.
void Coalescer::finish_headers(Held& held) {
  const Glance& g = held.glance;
  Byte* network = g.frame + g.network_at;
  Byte* transport = g.frame + g.transport_at;
  const auto transport_size = static_cast<std::uint16_t>(held.size - g.transport_at);
  std::uint32_t pseudo = transport_size;
  if (g.v4) {
    fields::put_u16(network + 2, static_cast<std::uint16_t>(held.size - g.network_at));
    fields::put_u16(network + 10, 0);
    const std::uint32_t sum = fields::sum_of(network, packet::kIpv4HeaderSizeMin);
    fields::put_u16(network + 10, static_cast<std::uint16_t>(~fields::folded(sum)));
    pseudo += fields::sum_of(network + 12, 8);
  } else {
    fields::put_u16(network + 4, transport_size);
    pseudo += fields::sum_of(network + 8, 32);
  }
  if (g.tcp) {
    transport[13] = Byte{g.flags};
    pseudo += packet::ip_protocol::kTcp;
  } else {
    fields::put_u16(transport + 4, transport_size);
    pseudo += packet::ip_protocol::kUdp;
  }
  fields::put_u16(transport + held.first.checksum_offset, fields::folded(pseudo));
}

void Coalescer::emit(std::size_t at, Output& out) {
  Held& held = held_[at];
  if (held.pieces.size() == 1) {
    emit_single(held.first, out);
  } else {
    finish_headers(held);
    VnetHeader header{.needs_checksum = true,
                      .header_size = static_cast<std::uint16_t>(held.glance.headers),
                      .segment_size = static_cast<std::uint16_t>(held.segment_size),
                      .checksum_start = held.first.checksum_start,
                      .checksum_offset = held.first.checksum_offset};
    header.gso = !held.glance.tcp ? Gso::udp : held.glance.v4 ? Gso::tcp_v4 : Gso::tcp_v6;
    header.ecn = held.glance.tcp && (held.glance.flags & tcp_flag::kCwr) != 0;
    out.injections.push_back({.header = header,
                              .first = out.pieces.size(),
                              .count = held.pieces.size(),
                              .size = held.size});
    out.pieces.insert(out.pieces.end(), held.pieces.begin(), held.pieces.end());
  }
  --count_;
  std::rotate(held_.begin() + static_cast<std::ptrdiff_t>(at),
              held_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
              held_.begin() + static_cast<std::ptrdiff_t>(count_) + 1);
}

void Coalescer::emit_between(const Byte* macs, Output& out) {
  for (std::size_t i = 0; i < count_;) {
    if (std::memcmp(held_[i].glance.frame, macs, kMacsSize) == 0) {
      emit(i, out);
    } else {
      ++i;
    }
  }
}

void Coalescer::emit_single(const Segment& segment, Output& out) {
  VnetHeader header;
  if (segment.partial_checksum) {
    header.needs_checksum = true;
    header.checksum_start = segment.checksum_start;
    header.checksum_offset = segment.checksum_offset;
  }
  const ByteView frame = segment.frame();
  out.injections.push_back(
      {.header = header, .first = out.pieces.size(), .count = 1, .size = frame.size()});
  out.pieces.push_back(frame);
}

void Coalescer::flush(Output& out) {
  while (count_ > 0)
    emit(0, out);
}

}  // namespace weft::swift
