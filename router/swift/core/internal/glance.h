// SPDX-License-Identifier: Apache-2.0
// What joining looks at in a segment: which flow it is of, and whether its headers allow that it is
// joined with others of that flow.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "router/swift/core/segment.h"

namespace weft::swift {

namespace tcp_flag {
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kReset = 0x04;
inline constexpr std::uint8_t kPush = 0x08;
inline constexpr std::uint8_t kUrgent = 0x20;
inline constexpr std::uint8_t kCwr = 0x80;
// A segment with any of these is the last of its super-frame.
inline constexpr std::uint8_t kEnding = kFin | kSyn | kReset | kPush | kUrgent;
}  // namespace tcp_flag

struct Glance {
  Byte* frame = nullptr;
  std::size_t size = 0;
  std::size_t network_at = 0;
  std::size_t transport_at = 0;
  std::size_t headers = 0;  // up to the payload
  bool v4 = false;
  bool tcp = false;            // else UDP
  std::uint32_t sequence = 0;  // TCP
  std::uint16_t id = 0;        // IPv4
  std::uint8_t flags = 0;      // TCP

  std::size_t payload() const { return size - headers; }
};

// False: not a segment that is ever joined; it must be TCP or UDP with a partial checksum, over
// IPv4 without options or IPv6 without extension headers, no fragment, nothing behind it.
bool look(const Segment& segment, Glance& glance);

// Ethernet header with tags, addresses, protocol and ports.
bool same_flow(const Glance& a, const Glance& b);

// All that must be equal within a flow: everything but lengths, IPv4 ID and checksum, sequence
// number, FIN, PSH, CWR and the TCP or UDP checksum.
bool headers_match(const Glance& first, const Glance& next);

}  // namespace weft::swift
