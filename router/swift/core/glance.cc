// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/internal/glance.h"

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

bool same_bytes(const Byte* a, const Byte* b, std::size_t size) {
  return std::memcmp(a, b, size) == 0;
}

// IPv4 without options or IPv6 without extension headers, not a fragment, nothing behind the
// packet; at most two VLAN tags before it.
bool look_at_network(Glance& g) {
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

bool look_at_transport(const Segment& segment, Glance& g) {
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

}  // namespace

bool look(const Segment& segment, Glance& glance) {
  if (!segment.partial_checksum) return false;
  const ByteSpan frame = segment.frame();
  glance.frame = frame.data();
  glance.size = frame.size();
  glance.transport_at = segment.checksum_start;
  return look_at_network(glance) && look_at_transport(segment, glance);
}

bool same_flow(const Glance& a, const Glance& b) {
  if (a.transport_at != b.transport_at || a.v4 != b.v4 || a.tcp != b.tcp) return false;
  const std::size_t addresses = a.v4 ? 8 : 32;
  return same_bytes(a.frame + a.transport_at, b.frame + a.transport_at, 4) &&
         same_bytes(a.frame + a.transport_at - addresses, b.frame + a.transport_at - addresses,
                    addresses) &&
         same_bytes(a.frame, b.frame, a.network_at);
}

bool headers_match(const Glance& first, const Glance& next) {
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
  constexpr auto kMayDiffer =
      static_cast<std::uint8_t>(tcp_flag::kFin | tcp_flag::kPush | tcp_flag::kCwr);
  const std::size_t options = first.headers - first.transport_at - packet::kTcpHeaderSizeMin;
  return same_bytes(a + 8, b + 8, 5) && ((first.flags ^ next.flags) & ~kMayDiffer) == 0 &&
         same_bytes(a + 14, b + 14, 2) && same_bytes(a + 18, b + 18, 2 + options);
}

}  // namespace weft::swift
