// SPDX-License-Identifier: Apache-2.0
// Where the headers of an Ethernet frame lie, as offsets and the few fields that forwarding,
// segmentation and checksums need. Frames are hostile: nothing outside the frame is ever read, and
// what does not parse is `other`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/mac.h"

namespace weft::packet {

inline constexpr std::size_t kEthernetHeaderSize = 14;
inline constexpr std::size_t kVlanTagSize = 4;
// The shortest Ethernet frame, without its check sequence. What we make is padded to it, as Weave's
// is.
inline constexpr std::size_t kEthernetFrameSizeMin = 60;
inline constexpr std::size_t kIpv4HeaderSizeMin = 20;
inline constexpr std::size_t kIpv6HeaderSize = 40;
inline constexpr std::size_t kTcpHeaderSizeMin = 20;
inline constexpr std::size_t kUdpHeaderSize = 8;
// Stacked VLAN tags and chained IPv6 extension headers that are followed; more is `other`.
inline constexpr std::size_t kVlanTagsMax = 2;
inline constexpr int kIpv6ExtensionsMax = 8;

namespace ether_type {
inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kVlan = 0x8100;
inline constexpr std::uint16_t kServiceVlan = 0x88a8;
inline constexpr std::uint16_t kIpv6 = 0x86dd;
}  // namespace ether_type

namespace ip_protocol {
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmpV6 = 58;
}  // namespace ip_protocol

enum class Network : std::uint8_t { other, ipv4, ipv6 };

std::uint64_t load_u48(ByteView at);
void store_u48(ByteSpan at, std::uint64_t v);

// The first two fields of any frame of at least 12 bytes.
inline MacAddr destination_mac(ByteView frame) {
  return MacAddr{load_u48(frame)};
}
inline MacAddr source_mac(ByteView frame) {
  return MacAddr{load_u48(frame.subspan(6))};
}

struct Layers {
  std::uint16_t ether_type = 0;  // behind the VLAN tags
  std::size_t vlan_tags = 0;
  std::size_t network_at = 0;  // of what follows Ethernet and the tags
  Network network = Network::other;
  // The following are set for IPv4 and IPv6 only.
  std::size_t transport_at = 0;  // behind IPv4 options and IPv6 extension headers
  std::size_t end = 0;           // of the IP packet; Ethernet padding may follow
  std::uint8_t protocol = 0;
  bool dont_fragment = false;       // IPv4
  bool fragment = false;            // a piece of a packet, first or later
  std::size_t fragment_offset = 0;  // in bytes
};

// nullopt for less than an Ethernet header. An IP packet whose header is damaged, or that is longer
// than the frame, is `other`.
std::optional<Layers> parse_layers(ByteView frame);

// Whether a device of that MTU, and a bridge before it, let the frame pass. One VLAN tag does not
// count. (Without netfilter on the bridge Linux lets 4 bytes more pass, tag or not.)
bool fits_mtu(ByteView frame, std::size_t mtu);

// Size of the TCP header at layers.transport_at; nullopt if it is damaged or not TCP.
std::optional<std::size_t> tcp_header_size(ByteView frame, const Layers& layers);

}  // namespace weft::packet
