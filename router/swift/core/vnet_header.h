// SPDX-License-Identifier: Apache-2.0
// What the kernel says with each frame of a TAP device, and is told with each: how a super-frame is
// to be cut, and where a checksum is still to be completed. The layout is that of Linux's
// struct virtio_net_hdr, in the byte order of the machine:
//
//     | flags 1 | gso type 1 | header length 2 | gso size 2 | csum start 2 | csum offset 2 |
//
// Source: linux/virtio_net.h. A header of 12 bytes has a count of buffers behind it, always 0 here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace weft::swift {

enum class Gso : std::uint8_t {
  none = 0,
  tcp_v4 = 1,
  tcp_v6 = 4,
  udp = 5,  // VIRTIO_NET_HDR_GSO_UDP_L4: segments are datagrams of their own
};

struct VnetHeader {
  static constexpr std::size_t kSize = 10;

  Gso gso = Gso::none;
  bool ecn = false;                // the first segment has CWR set
  bool needs_checksum = false;     // the field holds the pseudo-header's sum
  std::uint16_t header_size = 0;   // up to the payload; a hint
  std::uint16_t segment_size = 0;  // payload bytes per segment
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;  // from checksum_start

  // nullopt: too short, or a kind of segmentation that was never asked for.
  static std::optional<VnetHeader> parse(ByteView in);
  // `out` has at least kSize bytes; what lies behind them is set to zero.
  void write(ByteSpan out) const;
  friend bool operator==(const VnetHeader&, const VnetHeader&) = default;
};

}  // namespace weft::swift
