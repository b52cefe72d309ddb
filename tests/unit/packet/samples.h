// SPDX-License-Identifier: Apache-2.0
// Frames for the packet tests, and a slow checksum written from RFC 1071 to hold the fast one
// against.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "router/packet/headers.h"

namespace weft::test {

// 16-bit words one by one, the last byte padded.
inline std::uint16_t slow_sum(ByteView bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto v = std::to_integer<std::uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? v << 8 : v;
    sum = (sum & 0xffffU) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

struct Shape {
  bool v6 = false;
  bool tcp = true;
  std::size_t payload = 0;
  std::size_t vlan_tags = 0;
  std::size_t ip_options = 0;   // bytes, a multiple of 4; for IPv6 a destination header of 8
  std::size_t tcp_options = 0;  // bytes, a multiple of 4
  std::uint8_t tcp_flags = 0x10;
  std::uint16_t id = 100;
  std::uint32_t sequence = 0x01020304;
  std::size_t padding = 0;  // behind the IP packet
};

inline std::uint32_t pseudo_sum(ByteView frame, const packet::Layers& l) {
  const bool v4 = l.network == packet::Network::ipv4;
  const ByteView addresses = frame.subspan(l.network_at + (v4 ? 12 : 8), v4 ? 8 : 32);
  const auto size = static_cast<std::uint32_t>(l.end - l.transport_at);
  return slow_sum(addresses, (size >> 16) + (size & 0xffffU) + l.protocol);
}

// True if the transport checksum is right, or absent as UDP over IPv4 may have it.
inline bool transport_checksum_ok(ByteView frame) {
  const auto l = packet::parse_layers(frame);
  if (!l || l->network == packet::Network::other) return false;
  return slow_sum(frame.subspan(l->transport_at, l->end - l->transport_at),
                  pseudo_sum(frame, *l)) == 0xffff;
}
inline bool ipv4_checksum_ok(ByteView frame) {
  const auto l = packet::parse_layers(frame);
  return l && l->network == packet::Network::ipv4 &&
         slow_sum(frame.subspan(l->network_at, l->transport_at - l->network_at)) == 0xffff;
}

inline void write_ip(Writer& w, Bytes& frame, const Shape& s, std::size_t transport) {
  const std::uint8_t protocol = s.tcp ? packet::ip_protocol::kTcp : packet::ip_protocol::kUdp;
  if (s.v6) {
    const std::size_t extension = s.ip_options > 0 ? 8 : 0;
    w.u32(0x6abcdef0).u16(static_cast<std::uint16_t>(extension + transport));
    w.u8(extension > 0 ? 60 : protocol).u8(64);
    w.u64(0xfd00000000000000).u64(1).u64(0xfd00000000000000).u64(2);
    if (extension > 0) w.u8(protocol).u8(0).u16(0x0104).u32(0);
    return;
  }
  const std::size_t at = frame.size();
  const std::size_t header = 20 + s.ip_options;
  w.u8(static_cast<std::uint8_t>(0x40 + header / 4)).u8(0);
  w.u16(static_cast<std::uint16_t>(header + transport)).u16(s.id).u16(0x4000);
  w.u8(64).u8(protocol).u16(0).u32(0x0a200001).u32(0x0a280002);
  for (std::size_t i = 0; i < s.ip_options; ++i)
    w.u8(1);
  const auto sum = slow_sum(ByteView(frame).subspan(at));
  store_u16(ByteSpan(frame).subspan(at + 10), static_cast<std::uint16_t>(~sum));
}

// A frame as a pod's kernel hands it to the bridge: the transport checksum holds the
// pseudo-header's sum only.
inline Bytes partial_frame(const Shape& s) {
  Bytes frame;
  Writer w(frame);
  w.u48(0x020000000002).u48(0x020000000001);
  for (std::size_t i = 0; i < s.vlan_tags; ++i)
    w.u16(0x8100).u16(42);
  w.u16(s.v6 ? packet::ether_type::kIpv6 : packet::ether_type::kIpv4);
  const std::size_t transport = (s.tcp ? 20 + s.tcp_options : 8) + s.payload;
  write_ip(w, frame, s, transport);
  const std::size_t at = frame.size();
  w.u16(40000).u16(5201);
  if (s.tcp) {
    w.u32(s.sequence).u32(0x0a0b0c0d);
    w.u8(static_cast<std::uint8_t>((20 + s.tcp_options) / 4 * 16)).u8(s.tcp_flags);
    w.u16(512).u16(0).u16(0);
    for (std::size_t i = 0; i < s.tcp_options; ++i)
      w.u8(1);
  } else {
    w.u16(static_cast<std::uint16_t>(transport)).u16(0);
  }
  for (std::size_t i = 0; i < s.payload; ++i)
    w.u8(static_cast<std::uint8_t>(i * 7 + i / 251));
  const auto l = packet::parse_layers(frame);
  const auto partial = slow_sum({}, pseudo_sum(frame, *l));
  store_u16(ByteSpan(frame).subspan(at + (s.tcp ? 16 : 6)), partial);
  w.zeros(s.padding);
  return frame;
}

}  // namespace weft::test
