// SPDX-License-Identifier: Apache-2.0
// The layout of sleeve datagrams, big endian:
//
//     plain:   sender 6 | frame*
//     sealed:  sender 6 | sequence and DF 8 | tag 16 | frame*, encrypted
//     frame:   source 6 | destination 6 | length 2 | Ethernet frame
//
// `sender` is the neighbour that sent this datagram, `source` and `destination` the peers between
// which the frame travels. Source: weave router/sleeve.go; see docs/wire/sleeve.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/peer_name.h"

namespace weft::sleeve {

inline constexpr std::size_t kSenderSize = 6;
inline constexpr std::size_t kSequenceSize = 8;
inline constexpr std::size_t kTagSize = 16;
inline constexpr std::size_t kPlainOverhead = kSenderSize;
inline constexpr std::size_t kSealedOverhead = kSenderSize + kSequenceSize + kTagSize;
inline constexpr std::size_t kFrameHeaderSize = 14;
inline constexpr std::size_t kEthernetSize = 14;
inline constexpr std::size_t kIpUdpOverhead = 28;
// The most that fits an IPv4 packet.
inline constexpr std::size_t kUdpPayloadMax = 65507;
// A sender stops here even if there were room: Weave's limit per packet.
inline constexpr int kFramesPerDatagramMax = 100;
inline constexpr std::uint64_t kDfBit = std::uint64_t{1} << 63;

// A special frame has 14 zero bytes where the Ethernet header would be; its length tells its kind.
inline constexpr std::size_t kHeartbeatSize = 22;             // then the connection's UID, 8 bytes
inline constexpr std::size_t kFragmentationTestSize = 60001;  // then zeros, as all others
inline constexpr std::size_t kPathMtuProbeSize = 60000;       // counts as an MTU test

// Tags of control messages, see overlay/control_wire.h.
inline constexpr std::uint8_t kControlHeartbeatSeen = 1;
inline constexpr std::uint8_t kControlFragmentsArrive = 2;
inline constexpr std::uint8_t kControlMtuVerified = 3;  // body: MTU, 2 bytes

struct Frame {
  PeerName source;
  PeerName destination;
  ByteView bytes;
};

// The frames of a decrypted datagram, in order. Nothing after a damaged frame is believed.
class FrameReader {
 public:
  explicit FrameReader(ByteView plain) : rest_(plain) {}

  std::optional<Frame> next();
  // The datagram ended inside a frame, or with garbage. What came before it is good.
  bool malformed() const { return malformed_; }

 private:
  ByteView rest_;
  bool malformed_ = false;
};

// The sender's name, or nullopt if the datagram is too short to have one.
std::optional<PeerName> parse_sender(ByteView datagram);

// Writes the 14 bytes before a frame of `size` bytes, at most 65,535.
void write_frame_header(ByteSpan out, PeerName source, PeerName destination, std::size_t size);

}  // namespace weft::sleeve
