// SPDX-License-Identifier: Apache-2.0
// Ethernet frames for tests.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/bytes.h"
#include "base/mac.h"
#include "router/packet/checksum.h"
#include "router/packet/headers.h"

namespace weft::test {

inline MacAddr mac(std::uint64_t n) {
  return MacAddr{0x020000000000U + n};
}
inline constexpr MacAddr kBroadcast{0xffffffffffffU};

inline Bytes ethernet(MacAddr to, MacAddr from, std::uint16_t type, ByteView payload) {
  Bytes frame;
  Writer w(frame);
  w.u48(to.value).u48(from.value).u16(type).bytes(payload);
  return frame;
}

// ARP-sized; not looked into by anybody.
inline Bytes opaque_frame(MacAddr to, MacAddr from, std::string_view text) {
  return ethernet(to, from, 0x0806, as_bytes(text));
}

struct Ipv4Options {
  bool df = true;
  std::uint8_t protocol = packet::ip_protocol::kUdp;
  std::uint16_t id = 0x1234;
};

inline Bytes ipv4_frame(MacAddr to, MacAddr from, ByteView payload, Ipv4Options options = {}) {
  Bytes ip;
  Writer w(ip);
  w.u8(0x45).u8(0x10).u16(static_cast<std::uint16_t>(20 + payload.size())).u16(options.id);
  w.u16(options.df ? 0x4000 : 0).u8(64).u8(options.protocol).u16(0);
  w.u32(0x0a200001).u32(0x0a280002);
  store_u16(ByteSpan(ip).subspan(10), packet::InternetChecksum().add(ip).checksum());
  append(ip, payload);
  return ethernet(to, from, packet::ether_type::kIpv4, ip);
}

// An IPv4 frame of `size` bytes in all, whose payload repeats `text`.
inline Bytes sized_ipv4_frame(MacAddr to, MacAddr from, std::size_t size, Ipv4Options options = {},
                              std::string_view text = "canary in the overlay ") {
  Bytes payload(size - 34);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<Byte>(text[i % text.size()]);
  }
  return ipv4_frame(to, from, payload, options);
}

inline Bytes ipv6_frame(MacAddr to, MacAddr from, std::size_t size) {
  Bytes ip;
  Writer w(ip);
  w.u32(0x60000000).u16(static_cast<std::uint16_t>(size - 54)).u8(packet::ip_protocol::kUdp).u8(64);
  w.u64(0xfd00000000000000).u64(1).u64(0xfd00000000000000).u64(2);
  ip.resize(size - 14);
  return ethernet(to, from, packet::ether_type::kIpv6, ip);
}

inline bool contains(ByteView haystack, std::string_view needle) {
  return as_text(haystack).find(needle) != std::string_view::npos;
}

}  // namespace weft::test
