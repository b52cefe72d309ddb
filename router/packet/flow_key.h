// SPDX-License-Identifier: Apache-2.0
// What tells one flow of packets from another: addresses, protocol and ports.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "router/packet/headers.h"

namespace weft::packet {

struct FlowKey {
  std::array<Byte, 16> source{};  // IPv4 in the first four bytes
  std::array<Byte, 16> destination{};
  Network network = Network::other;
  std::uint8_t protocol = 0;
  // 0 for anything but whole TCP and UDP packets: the ports of a fragment are not known.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;

  // Well mixed and the same on every machine; for queues and tables, not against an adversary.
  std::uint64_t hash() const;
  friend auto operator<=>(const FlowKey&, const FlowKey&) = default;
};

// nullopt for anything but IPv4 and IPv6.
std::optional<FlowKey> flow_of(ByteView frame, const Layers& layers);

}  // namespace weft::packet
