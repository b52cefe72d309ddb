// SPDX-License-Identifier: Apache-2.0
// Cuts a super-frame into the segments that travel, without moving its payload: the headers of each
// segment are written right in front of its payload, over what was sent before. No checksum over
// payload is computed: TCP and UDP checksums stay partial.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "router/packet/headers.h"
#include "router/swift/core/vnet_header.h"
#include "router/swift/core/wire.h"

namespace weft::swift {

// One frame on its way, with room for our inner header in front of it.
struct Segment {
  ByteSpan room;  // kPrefixMax bytes, then the frame
  // The checksum at start + offset holds the pseudo-header's sum; both lie within the frame.
  bool partial_checksum = false;
  std::uint8_t checksum_start = 0;
  std::uint8_t checksum_offset = 0;

  ByteSpan frame() const { return room.subspan(kPrefixMax); }
  // Completes the checksum in `frame`: this one, or a copy of it.
  void complete_checksum(ByteSpan frame) const;
};

class SegmentCutter {
 public:
  // With fewer payload bytes per segment somebody is playing.
  static constexpr std::size_t kPayloadMin = 8;
  // Ethernet, VLAN tags, IP with options or extension headers, TCP with options.
  static constexpr std::size_t kHeadersMax = 256;

  // `room` is kPrefixMax bytes, then the frame; both are written to as segments are cut. Error, and
  // an untouched frame: the header does not describe it, or more headers than kHeadersMax.
  static Result<SegmentCutter> make(const VnetHeader& header, ByteSpan room);

  // All of equal size but the last.
  std::size_t count() const { return count_; }
  // Moves to the next segment; false after the last. What was cut before is overwritten.
  bool next(Segment& segment);

 private:
  explicit SegmentCutter(ByteSpan room) : room_(room) {}
  Result<> describe_whole(const VnetHeader& header);
  Result<> describe_train(const VnetHeader& header);
  void prepare_sums();
  void write_headers(Byte* at, std::size_t payload, bool last) const;

  ByteSpan room_;
  Segment whole_;  // what is common to all segments
  std::size_t count_ = 1;
  std::size_t index_ = 0;
  // With more than one segment:
  packet::Layers layers_;
  std::size_t headers_ = 0;        // up to the payload
  std::size_t payload_ = 0;        // per segment
  std::size_t total_ = 0;          // payload of all
  std::uint32_t network_sum_ = 0;  // IPv4 header less length, ID and checksum
  std::uint32_t pseudo_sum_ = 0;   // pseudo-header less length
  std::array<Byte, kHeadersMax> template_{};
};

}  // namespace weft::swift
