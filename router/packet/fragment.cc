// SPDX-License-Identifier: Apache-2.0
#include "router/packet/fragment.h"

#include <algorithm>

#include "base/ensure.h"
#include "router/packet/checksum.h"

namespace weft::packet {
namespace {

constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::size_t kPayloadEndMax = 0xffff;

}  // namespace

Result<Ipv4Fragmenter> Ipv4Fragmenter::make(ByteView frame, std::size_t mtu) {
  const auto layers = parse_layers(frame);
  if (!layers || layers->network != Network::ipv4 || layers->vlan_tags != 0) {
    return Error{Errc::unsupported, 0, "fragment: not IPv4"};
  }
  if (layers->dont_fragment) return Error{Errc::refused, 0, "fragment: must not be fragmented"};
  const std::size_t header = layers->transport_at - layers->network_at;
  const std::size_t piece = mtu > header ? (mtu - header) / 8 * 8 : 0;
  if (piece == 0) return Error{Errc::bad_value, 0, "fragment: MTU too small"};
  const std::size_t payload = layers->end - layers->transport_at;
  if (payload == 0) return Error{Errc::bad_value, 0, "fragment: nothing to cut"};
  if (layers->fragment_offset + payload > kPayloadEndMax) {
    return Error{Errc::bad_value, 0, "fragment: offset beyond 64 KiB"};
  }
  return Ipv4Fragmenter(frame, *layers, piece);
}

std::size_t Ipv4Fragmenter::next_payload() const {
  return std::min(piece_, layers_.end - at_);
}

std::size_t Ipv4Fragmenter::next_size() const {
  const std::size_t payload = next_payload();
  return payload == 0 ? 0 : std::max(layers_.transport_at + payload, kEthernetFrameSizeMin);
}

void Ipv4Fragmenter::write_next(ByteSpan out) {
  const std::size_t size = next_size();
  ensure(size > 0 && out.size() >= size, "fragment: no piece left, or no room for it");
  const std::size_t headers = layers_.transport_at;
  const std::size_t payload = next_payload();
  ByteSpan piece = out.first(size);
  std::ranges::copy(frame_.first(headers), piece.begin());
  std::ranges::copy(frame_.subspan(at_, payload), piece.subspan(headers).begin());
  std::ranges::fill(piece.subspan(headers + payload), Byte{0});

  ByteSpan header = piece.subspan(layers_.network_at, headers - layers_.network_at);
  const std::size_t offset = layers_.fragment_offset + (at_ - headers);
  const auto flags = static_cast<std::uint16_t>(load_u16(header.subspan(6)) & 0xe000U);
  at_ += payload;
  const std::uint16_t more = at_ < layers_.end ? kMoreFragments : std::uint16_t{0};
  store_u16(header.subspan(2), static_cast<std::uint16_t>(header.size() + payload));
  store_u16(header.subspan(6), static_cast<std::uint16_t>(flags | more | offset / 8));
  store_u16(header.subspan(10), 0);
  store_u16(header.subspan(10), InternetChecksum().add(header).checksum());
}

}  // namespace weft::packet
