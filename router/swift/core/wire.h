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
#include "base/ip.h"

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
  // many there are. Of a probe: its kind, and 1 if from the main port. Else 0.
  std::uint8_t a = 0;
  std::uint8_t b = 0;

  // nullopt: too short, or flags or values that no sender writes.
  static std::optional<Inner> parse(ByteView text);
  // `out` has at least kInnerSize bytes.
  void write(ByteSpan out) const;
  friend bool operator==(const Inner&, const Inner&) = default;
};

// heartbeat and mtu_probe ask, and are answered by echo and mtu_echo with the same number.
enum class ProbeKind : std::uint8_t { heartbeat = 1, echo = 2, mtu_probe = 3, mtu_echo = 4 };

//     | number 8 | packet size 2 | seen address 4 | seen port 2 | zeros … |
struct Probe {
  static constexpr std::size_t kSize = 16;

  ProbeKind kind = ProbeKind::heartbeat;
  // Sent from the port that we receive on, so that an answer to its source arrives whatever the
  // path does to ports. Else from the port of the stream.
  bool main_port = false;
  std::uint64_t number = 0;
  // mtu_probe and mtu_echo: size of the outer IP packet of the probe, else 0. The probe is padded
  // to it, the echo is not.
  std::uint16_t packet_size = 0;
  // echo and mtu_echo: where the datagram that is answered came from, as its receiver saw it.
  Endpoint seen;

  // `text` is all that was sealed. nullopt: not a probe, too short, or an unknown kind.
  static std::optional<Probe> parse(ByteView text);
  // Writes the inner header, the body and padding: all of `out`, at least kInnerSize + kSize bytes.
  void write(ByteSpan out) const;
  friend bool operator==(const Probe&, const Probe&) = default;
};

}  // namespace weft::swift
