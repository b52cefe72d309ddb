// SPDX-License-Identifier: Apache-2.0
// The layout of swift datagrams, big endian. One datagram carries one frame or one segment of a
// super-frame; format to the byte in docs/wire/swift.md:
//
//     | kind 1 | stream 1 | epoch 2 | receiver index 4 | counter 8 |     authenticated
//     | type and flags 1 | a 1 | b 1 | 0 | names 12 if relayed | body |  sealed
//     | tag 16 |                                                         sealed datagrams only
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace weft::swift {

inline constexpr std::size_t kOuterSize = 16;
inline constexpr std::size_t kInnerSize = 4;
inline constexpr std::size_t kNamesSize = 12;
inline constexpr std::size_t kTagSize = 16;
// What may stand between the outer header and the Ethernet frame.
inline constexpr std::size_t kPrefixMax = kInnerSize + kNamesSize;
inline constexpr std::size_t kIpUdpSize = 28;  // IPv4 without options, and UDP
// The most that fits an IPv4 packet.
inline constexpr std::size_t kDatagramMax = 65507;
// Bytes that a path of a given MTU loses to one frame's Ethernet header and ours: what the pods'
// MTU must leave free, relays included.
inline constexpr int kOverheadMax =
    static_cast<int>(kIpUdpSize + kOuterSize + kPrefixMax + 14 + kTagSize);

// The first byte. Odd, which no sleeve datagram has: there it is the first of a peer's name.
enum class Kind : std::uint8_t { sealed = 0x01, plain = 0x03 };

struct Outer {
  Kind kind = Kind::sealed;
  std::uint8_t stream = 0;  // of the sender: its worker
  std::uint16_t epoch = 0;  // the low half
  std::uint32_t index = 0;  // of the receiver
  std::uint64_t counter = 0;

  // nullopt: too short, or a first byte that means nothing.
  static std::optional<Outer> parse(ByteView datagram);
  // `out` has at least kOuterSize bytes.
  void write(ByteSpan out) const;
  friend bool operator==(const Outer&, const Outer&) = default;
};

enum class InnerType : std::uint8_t { frame = 0, probe = 1, fragment = 2 };

struct Inner {
  InnerType type = InnerType::frame;
  // With frame: the checksum at start + offset holds the pseudo-header's sum only.
  bool partial_checksum = false;
  bool relayed = false;  // the names follow
  // Of a frame with a partial checksum: its start and offset. Of a fragment: its index, and how
  // many there are. Else 0.
  std::uint8_t a = 0;
  std::uint8_t b = 0;

  // nullopt: too short, or flags or values that no sender writes.
  static std::optional<Inner> parse(ByteView text);
  // `out` has at least kInnerSize bytes.
  void write(ByteSpan out) const;
  friend bool operator==(const Inner&, const Inner&) = default;
};

}  // namespace weft::swift
