// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/coalesce.h"

#include <algorithm>
#include <cstring>

#include "router/packet/headers.h"
#include "router/swift/core/internal/fields.h"

namespace weft::swift {
namespace {

using packet::ether_type::kIpv4;
using packet::ether_type::kIpv6;
using packet::ether_type::kServiceVlan;
using packet::ether_type::kVlan;

constexpr std::size_t kMacsSize = 12;
constexpr std::size_t kVlanTagSize = 4;
constexpr std::size_t kIpv4Size = packet::kIpv4HeaderSizeMin;
constexpr std::size_t kIpv6Size = packet::kIpv6HeaderSize;
// What the length fields of IPv4 and IPv6 hold.
constexpr std::size_t kPacketMax = 65535;

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kReset = 0x04;
constexpr std::uint8_t kPush = 0x08;
constexpr std::uint8_t kUrgent = 0x20;
constexpr std::uint8_t kCwr = 0x80;

bool same_bytes(const Byte* a, const Byte* b, std::size_t size) {
  return std::memcmp(a, b, size) == 0;
}

}  // namespace

Coalescer::Coalescer(Options options) : options_(options) {
  for (Held& held : held_)
    held.pieces.reserve(kJoinedMax);
}

bool Coalescer::look(const Segment& segment, Glance& glance) const {
  if (!segment.partial_checksum) return false;
  const ByteSpan frame = segment.frame();
  glance.frame = frame.data();
  glance.size = frame.size();
  glance.transport_at = segment.checksum_start;
  return look_at_network(glance) && look_at_transport(segment, glance) &&
         (glance.tcp || options_.joins_udp);
}

// IPv4 without options or IPv6 without extension headers, not a fragment, nothing behind the
// packet; at most two VLAN tags before it.
bool Coalescer::look_at_network(Glance& g) {
  std::size_t at = kMacsSize;
  if (g.size < at + 2) return false;
  std::uint16_t type = fields::u16(g.frame + at);
  for (std::size_t tags = 0; tags < packet::kVlanTagsMax; ++tags) {
    if (type != kVlan && type != kServiceVlan) break;
    at += kVlanTagSize;
    if (g.size < at + 2) return false;
    type = fields::u16(g.frame + at);
  }
  at += 2;
  const Byte* header = g.frame + at;
  if (type == kIpv4 && g.size >= at + kIpv4Size) {
    if (fields::u8(header) != 0x45 || fields::u16(header + 2) != g.size - at) return false;
    constexpr std::uint16_t kAllButDf = 0xbfff;
    if ((fields::u16(header + 6) & kAllButDf) != 0) return false;
    // Joining writes a new header checksum; it must not heal a broken one.
    if (fields::folded(fields::sum_of(header, kIpv4Size)) != 0xffff) return false;
    g.v4 = true;
    g.tcp = fields::u8(header + 9) == packet::ip_protocol::kTcp;
    if (!g.tcp && fields::u8(header + 9) != packet::ip_protocol::kUdp) return false;
    g.id = fields::u16(header + 4);
    g.network_at = at;
    return g.transport_at == at + kIpv4Size;
  }
  if (type != kIpv6 || g.size < at + kIpv6Size) return false;
  if (fields::u8(header) >> 4 != 6 || fields::u16(header + 4) + kIpv6Size != g.size - at) {
    return false;
  }
  g.tcp = fields::u8(header + 6) == packet::ip_protocol::kTcp;
  if (!g.tcp && fields::u8(header + 6) != packet::ip_protocol::kUdp) return false;
  g.network_at = at;
  return g.transport_at == at + kIpv6Size;
}

bool Coalescer::look_at_transport(const Segment& segment, Glance& g) {
  const Byte* header = g.frame + g.transport_at;
  const std::size_t room = g.size - g.transport_at;
  if (!g.tcp) {
    g.headers = g.transport_at + packet::kUdpHeaderSize;
    return segment.checksum_offset == 6 && room >= packet::kUdpHeaderSize &&
           fields::u16(header + 4) == room;
  }
  if (segment.checksum_offset != 16 || room < packet::kTcpHeaderSizeMin) return false;
  const std::size_t size = std::size_t{fields::u8(header + 12)} / 16 * 4;
  if (size < packet::kTcpHeaderSizeMin || size > room) return false;
  g.headers = g.transport_at + size;
  g.sequence = fields::u32(header + 4);
  g.flags = fields::u8(header + 13);
  return true;
}

// Ethernet header with tags, addresses, protocol and ports.
bool Coalescer::same_flow(const Glance& a, const Glance& b) {
  if (a.transport_at != b.transport_at || a.v4 != b.v4 || a.tcp != b.tcp) return false;
  const std::size_t addresses = a.v4 ? 8 : 32;
  return same_bytes(a.frame + a.transport_at, b.frame + a.transport_at, 4) &&
         same_bytes(a.frame + a.transport_at - addresses, b.frame + a.transport_at - addresses,
                    addresses) &&
         same_bytes(a.frame, b.frame, a.network_at);
}

// All that must be equal within a flow: everything but lengths, IPv4 ID and checksum, sequence
// number, FIN, PSH, CWR and the TCP or UDP checksum.
bool Coalescer::headers_match(const Glance& first, const Glance& next) {
  if (first.headers != next.headers) return false;
  const Byte* a = first.frame + first.network_at;
  const Byte* b = next.frame + first.network_at;
  if (first.v4) {
    // TOS; then flags, offset and TTL.
    if (a[1] != b[1] || !same_bytes(a + 6, b + 6, 3)) return false;
  } else {
    // Class and flow label; hop limit.
    if (!same_bytes(a, b, 4) || a[7] != b[7]) return false;
  }
  if (!first.tcp) return true;
  a = first.frame + first.transport_at;
  b = next.frame + first.transport_at;
  constexpr auto kMayDiffer = static_cast<std::uint8_t>(kFin | kPush | kCwr);
  const std::size_t options = first.headers - first.transport_at - packet::kTcpHeaderSizeMin;
  return same_bytes(a + 8, b + 8, 5) && ((first.flags ^ next.flags) & ~kMayDiffer) == 0 &&
         same_bytes(a + 14, b + 14, 2) && same_bytes(a + 18, b + 18, 2 + options);
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
  if (next.tcp && (next.sequence != held.next_sequence || (next.flags & kCwr) != 0)) return false;
  const std::size_t most = next.tcp ? kJoinedMax : kJoinedUdpMax;
  if (held.pieces.size() >= most) return false;
  if (held.size + payload - held.glance.network_at > kPacketMax) return false;
  return headers_match(held.glance, next) && id_follows(held, next);
}

bool Coalescer::may_be_first(const Glance& g) {
  return g.payload() >= SegmentCutter::kPayloadMin &&
         (g.flags & (kFin | kSyn | kReset | kPush | kUrgent)) == 0;
}

// True if nothing may follow `glance`, which was joined last.
bool Coalescer::ends(const Held& held, const Glance& glance) {
  return glance.payload() < held.segment_size ||
         (glance.flags & (kFin | kSyn | kReset | kPush | kUrgent)) != 0;
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
  if (!look(segment, glance)) {
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
  held.glance.flags |= glance.flags & static_cast<std::uint8_t>(kFin | kPush);
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
    const std::uint32_t sum = fields::sum_of(network, kIpv4Size);
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
    header.ecn = held.glance.tcp && (held.glance.flags & kCwr) != 0;
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
    if (same_bytes(held_[i].glance.frame, macs, kMacsSize)) {
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
