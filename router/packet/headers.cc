// SPDX-License-Identifier: Apache-2.0
#include "router/packet/headers.h"

namespace weft::packet {
namespace {

std::uint8_t byte_at(ByteView frame, std::size_t at) {
  return std::to_integer<std::uint8_t>(frame[at]);
}

void parse_ipv4(ByteView frame, Layers& layers) {
  const std::size_t at = layers.network_at;
  if (frame.size() < at + kIpv4HeaderSizeMin || byte_at(frame, at) >> 4 != 4) return;
  const std::size_t header = std::size_t{byte_at(frame, at)} % 16 * 4;
  const std::size_t total = load_u16(frame.subspan(at + 2));
  if (header < kIpv4HeaderSizeMin || total < header || frame.size() < at + total) return;
  const std::uint16_t flags = load_u16(frame.subspan(at + 6));
  layers.network = Network::ipv4;
  layers.transport_at = at + header;
  layers.end = at + total;
  layers.protocol = byte_at(frame, at + 9);
  layers.dont_fragment = (flags & 0x4000U) != 0;
  layers.fragment_offset = std::size_t{flags & 0x1fffU} * 8;
  layers.fragment = (flags & 0x3fffU) != 0;
}

// Moves past one extension header; false if there is none (any more) or it does not fit.
bool skip_ipv6_extension(ByteView frame, Layers& layers) {
  constexpr std::uint8_t kHopByHop = 0;
  constexpr std::uint8_t kRouting = 43;
  constexpr std::uint8_t kFragment = 44;
  constexpr std::uint8_t kDestination = 60;
  const std::uint8_t kind = layers.protocol;
  const std::size_t at = layers.transport_at;
  if (kind != kHopByHop && kind != kRouting && kind != kFragment && kind != kDestination) {
    return false;
  }
  if (layers.end < at + 8) return false;
  std::size_t size = 8;
  if (kind == kFragment) {
    const std::uint16_t field = load_u16(frame.subspan(at + 2));
    layers.fragment_offset = field & 0xfff8U;
    layers.fragment = (field & 0xfff9U) != 0;
  } else {
    size += std::size_t{byte_at(frame, at + 1)} * 8;
  }
  if (layers.end < at + size) return false;
  layers.protocol = byte_at(frame, at);
  layers.transport_at = at + size;
  // Behind the header of a later fragment lies payload, not another header.
  return layers.fragment_offset == 0;
}

void parse_ipv6(ByteView frame, Layers& layers) {
  const std::size_t at = layers.network_at;
  if (frame.size() < at + kIpv6HeaderSize || byte_at(frame, at) >> 4 != 6) return;
  const std::size_t total = kIpv6HeaderSize + load_u16(frame.subspan(at + 4));
  if (frame.size() < at + total) return;
  layers.network = Network::ipv6;
  layers.end = at + total;
  layers.protocol = byte_at(frame, at + 6);
  layers.transport_at = at + kIpv6HeaderSize;
  for (int i = 0; i < kIpv6ExtensionsMax && skip_ipv6_extension(frame, layers); ++i) {
  }
}

}  // namespace

std::uint64_t load_u48(ByteView at) {
  return std::uint64_t{load_u16(at)} << 32 | load_u32(at.subspan(2));
}

void store_u48(ByteSpan at, std::uint64_t v) {
  store_u16(at, static_cast<std::uint16_t>(v >> 32));
  store_u32(at.subspan(2), static_cast<std::uint32_t>(v));
}

std::optional<Layers> parse_layers(ByteView frame) {
  if (frame.size() < kEthernetHeaderSize) return std::nullopt;
  Layers layers;
  layers.network_at = kEthernetHeaderSize;
  layers.ether_type = load_u16(frame.subspan(12));
  while (
      (layers.ether_type == ether_type::kVlan || layers.ether_type == ether_type::kServiceVlan) &&
      layers.vlan_tags < kVlanTagsMax && frame.size() >= layers.network_at + 4) {
    layers.ether_type = load_u16(frame.subspan(layers.network_at + 2));
    layers.network_at += 4;
    ++layers.vlan_tags;
  }
  if (layers.ether_type == ether_type::kIpv4) parse_ipv4(frame, layers);
  if (layers.ether_type == ether_type::kIpv6) parse_ipv6(frame, layers);
  return layers;
}

bool fits_mtu(ByteView frame, std::size_t mtu) {
  if (frame.size() <= mtu + kEthernetHeaderSize) return true;
  const auto layers = parse_layers(frame);
  return layers && layers->vlan_tags > 0 &&
         frame.size() <= mtu + kEthernetHeaderSize + kVlanTagSize;
}

std::optional<std::size_t> tcp_header_size(ByteView frame, const Layers& layers) {
  if (layers.network == Network::other || layers.protocol != ip_protocol::kTcp) return std::nullopt;
  if (layers.fragment_offset != 0) return std::nullopt;
  const std::size_t room = layers.end - layers.transport_at;
  if (room < kTcpHeaderSizeMin) return std::nullopt;
  const std::size_t size = std::size_t{byte_at(frame, layers.transport_at + 12)} / 16 * 4;
  if (size < kTcpHeaderSizeMin || size > room) return std::nullopt;
  return size;
}

}  // namespace weft::packet
