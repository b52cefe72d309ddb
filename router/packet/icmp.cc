// SPDX-License-Identifier: Apache-2.0
#include "router/packet/icmp.h"

#include <algorithm>

#include "router/packet/checksum.h"
#include "router/packet/offload.h"

namespace weft::packet {
namespace {

constexpr std::size_t kIcmpHeaderSize = 8;
constexpr auto kTimeToLive = Byte{64};

void copy(ByteView from, ByteSpan to) {
  std::ranges::copy(from, to.begin());
}

// Types of ICMP that report an error, which no error may answer.
bool is_icmp_error(ByteView frame, const Layers& layers) {
  const bool v4 = layers.network == Network::ipv4 && layers.protocol == ip_protocol::kIcmp;
  const bool v6 = layers.network == Network::ipv6 && layers.protocol == ip_protocol::kIcmpV6;
  if ((!v4 && !v6) || layers.transport_at >= layers.end) return false;
  const auto type = std::to_integer<unsigned>(frame[layers.transport_at]);
  if (v6) return type < 128;
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

bool is_answerable(ByteView frame, const Layers& layers) {
  if (layers.network == Network::other || layers.vlan_tags != 0) return false;
  if (destination_mac(frame).multicast() || source_mac(frame).multicast()) return false;
  if (layers.fragment_offset != 0 || is_icmp_error(frame, layers)) return false;
  const bool v4 = layers.network == Network::ipv4;
  const auto destination = frame.subspan(layers.network_at + (v4 ? 16 : 24));
  const auto first = std::to_integer<unsigned>(destination[0]);
  return v4 ? first < 224 : first != 0xff;
}

void write_ethernet(ByteView frame, ByteSpan out) {
  copy(frame.subspan(6, 6), out);
  copy(frame.first(6), out.subspan(6));
  copy(frame.subspan(12, 2), out.subspan(12));
}

// IPv4: TOS copied, id 0, no flags, TTL 64; the original header and 8 bytes of payload as data.
std::size_t write_frag_needed(ByteView frame, const Layers& layers, std::size_t mtu, ByteSpan out) {
  const ByteView original = frame.subspan(layers.network_at, layers.end - layers.network_at);
  const std::size_t header = layers.transport_at - layers.network_at;
  const ByteView quoted = original.first(std::min(original.size(), header + 8));
  const std::size_t total = kIpv4HeaderSizeMin + kIcmpHeaderSize + quoted.size();
  ByteSpan ip = out.subspan(kEthernetHeaderSize, total);
  ip[0] = Byte{0x45};
  ip[1] = original[1];
  store_u16(ip.subspan(2), static_cast<std::uint16_t>(total));
  ip[8] = kTimeToLive;
  ip[9] = Byte{ip_protocol::kIcmp};
  copy(original.subspan(16, 4), ip.subspan(12));
  copy(original.subspan(12, 4), ip.subspan(16));
  store_u16(ip.subspan(10), InternetChecksum().add(ip.first(kIpv4HeaderSizeMin)).checksum());

  ByteSpan icmp = ip.subspan(kIpv4HeaderSizeMin);
  icmp[0] = Byte{3};
  icmp[1] = Byte{4};
  store_u16(icmp.subspan(6), static_cast<std::uint16_t>(std::min<std::size_t>(mtu, 0xffff)));
  copy(quoted, icmp.subspan(kIcmpHeaderSize));
  store_u16(icmp.subspan(2), InternetChecksum().add(icmp).checksum());
  return std::max(kEthernetHeaderSize + total, kEthernetFrameSizeMin);
}

// IPv6: as much of the original as fits the minimum MTU.
std::size_t write_packet_too_big(ByteView frame, const Layers& layers, std::size_t mtu,
                                 ByteSpan out) {
  const ByteView original = frame.subspan(layers.network_at, layers.end - layers.network_at);
  const std::size_t room = kIpv6MtuMin - kIpv6HeaderSize - kIcmpHeaderSize;
  const ByteView quoted = original.first(std::min(original.size(), room));
  const std::size_t payload = kIcmpHeaderSize + quoted.size();
  ByteSpan ip = out.subspan(kEthernetHeaderSize, kIpv6HeaderSize + payload);
  ip[0] = Byte{0x60};
  store_u16(ip.subspan(4), static_cast<std::uint16_t>(payload));
  ip[6] = Byte{ip_protocol::kIcmpV6};
  ip[7] = kTimeToLive;
  copy(original.subspan(24, 16), ip.subspan(8));
  copy(original.subspan(8, 16), ip.subspan(24));
  ByteSpan icmp = ip.subspan(kIpv6HeaderSize);
  icmp[0] = Byte{2};
  store_u32(icmp.subspan(4), static_cast<std::uint32_t>(mtu));
  copy(quoted, icmp.subspan(kIcmpHeaderSize));
  return kEthernetHeaderSize + ip.size();
}

}  // namespace

bool answer_too_big(ByteView frame, std::size_t mtu, IcmpFrame& out) {
  const auto layers = parse_layers(frame);
  if (!layers || !is_answerable(frame, *layers)) return false;
  const bool v6 = layers->network == Network::ipv6;
  if (v6 && mtu < kIpv6MtuMin) return false;
  out.bytes.fill(Byte{0});
  ByteSpan bytes(out.bytes);
  write_ethernet(frame, bytes);
  if (!v6) {
    out.size = write_frag_needed(frame, *layers, mtu, bytes);
    return true;
  }
  out.size = write_packet_too_big(frame, *layers, mtu, bytes);
  const auto own = parse_layers(out.view());
  return own && recompute_checksum(bytes.first(out.size), *own);
}

}  // namespace weft::packet
