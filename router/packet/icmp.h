// SPDX-License-Identifier: Apache-2.0
// Answers to a frame that is too large for the overlay, in the name of the host it was sent to:
// ICMP "fragmentation needed" (RFC 1191) and ICMPv6 "packet too big" (RFC 4443).
#pragma once

#include <array>
#include <cstddef>

#include "base/bytes.h"
#include "router/packet/headers.h"

namespace weft::packet {

// RFC 8200: every link carries IPv6 packets of this size, so nobody may be told less.
inline constexpr std::size_t kIpv6MtuMin = 1280;

// An answer never exceeds the IPv6 minimum MTU.
struct IcmpFrame {
  std::array<Byte, kEthernetHeaderSize + kIpv6MtuMin> bytes{};
  std::size_t size = 0;

  ByteView view() const { return ByteView(bytes).first(size); }
};

// Fills `out`; false if such a frame must not be answered (RFC 1122, 4443): later fragments, ICMP
// errors, multicast, not IP, VLAN tags, or an `mtu` that IPv6 does not know.
bool answer_too_big(ByteView frame, std::size_t mtu, IcmpFrame& out);

}  // namespace weft::packet
