// SPDX-License-Identifier: Apache-2.0
#include "router/packet/flow_key.h"

#include <algorithm>

namespace weft::packet {
namespace {

// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t v) {
  v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9U;
  v = (v ^ v >> 27) * 0x94d049bb133111ebU;
  return v ^ v >> 31;
}

}  // namespace

std::uint64_t FlowKey::hash() const {
  std::uint64_t h =
      std::uint64_t{protocol} << 32 | std::uint64_t{source_port} << 16 | destination_port;
  for (std::size_t i = 0; i < 16; i += 8) {
    h = mixed(h ^ load_u64(ByteView(source).subspan(i)));
    h = mixed(h + load_u64(ByteView(destination).subspan(i)));
  }
  return h;
}

std::optional<FlowKey> flow_of(ByteView frame, const Layers& layers) {
  if (layers.network == Network::other) return std::nullopt;
  const bool v4 = layers.network == Network::ipv4;
  const std::size_t size = v4 ? 4 : 16;
  const ByteView addresses = frame.subspan(layers.network_at + (v4 ? 12 : 8), 2 * size);
  FlowKey key{.network = layers.network, .protocol = layers.protocol};
  std::ranges::copy(addresses.first(size), key.source.begin());
  std::ranges::copy(addresses.subspan(size), key.destination.begin());
  const bool has_ports =
      layers.protocol == ip_protocol::kTcp || layers.protocol == ip_protocol::kUdp;
  if (has_ports && !layers.fragment && layers.end - layers.transport_at >= 4) {
    key.source_port = load_u16(frame.subspan(layers.transport_at));
    key.destination_port = load_u16(frame.subspan(layers.transport_at + 2));
  }
  return key;
}

}  // namespace weft::packet
