// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/vnet_header.h"

#include <algorithm>
#include <cstring>

#include "base/ensure.h"

namespace weft::swift {
namespace {

constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kEcn = 0x80;

std::optional<Gso> parse_gso(std::uint8_t kind) {
  for (const Gso gso : {Gso::none, Gso::tcp_v4, Gso::tcp_v6, Gso::udp}) {
    if (kind == static_cast<std::uint8_t>(gso)) return gso;
  }
  return std::nullopt;
}

std::uint16_t load_native(ByteView at) {
  std::uint16_t value = 0;
  std::memcpy(&value, at.data(), sizeof value);
  return value;
}

void store_native(ByteSpan at, std::uint16_t value) {
  std::memcpy(at.data(), &value, sizeof value);
}

}  // namespace

std::optional<VnetHeader> VnetHeader::parse(ByteView in) {
  if (in.size() < kSize) return std::nullopt;
  const auto flags = std::to_integer<std::uint8_t>(in[0]);
  const auto kind = std::to_integer<std::uint8_t>(in[1]);
  const auto gso = parse_gso(kind & static_cast<std::uint8_t>(~kEcn));
  if (!gso) return std::nullopt;
  VnetHeader header;
  header.gso = *gso;
  header.ecn = (kind & kEcn) != 0;
  header.needs_checksum = (flags & kNeedsChecksum) != 0;
  header.header_size = load_native(in.subspan(2));
  header.segment_size = load_native(in.subspan(4));
  header.checksum_start = load_native(in.subspan(6));
  header.checksum_offset = load_native(in.subspan(8));
  return header;
}

void VnetHeader::write(ByteSpan out) const {
  ensure(out.size() >= kSize, "swift: no room for a virtio-net header");
  std::ranges::fill(out.subspan(kSize), Byte{0});
  out[0] = Byte{needs_checksum ? kNeedsChecksum : std::uint8_t{0}};
  const std::uint8_t kind = ecn ? kEcn : std::uint8_t{0};
  out[1] = Byte{static_cast<std::uint8_t>(static_cast<std::uint8_t>(gso) | kind)};
  store_native(out.subspan(2), header_size);
  store_native(out.subspan(4), segment_size);
  store_native(out.subspan(6), checksum_start);
  store_native(out.subspan(8), checksum_offset);
}

}  // namespace weft::swift
