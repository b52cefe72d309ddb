// SPDX-License-Identifier: Apache-2.0
// What the kernel makes of injections again: the segments, one by one. Joining is right if nobody
// can tell afterwards that it happened.
#pragma once

#include <deque>
#include <vector>

#include <doctest/doctest.h>

#include "base/rng.h"
#include "router/swift/core/coalesce.h"
#include "router/swift/core/segment.h"
#include "tests/unit/packet/samples.h"

namespace weft::test {

// A segment in memory of its own, as a received datagram has it.
class Held {
 public:
  explicit Held(const swift::Segment& segment) : bytes_(to_bytes(segment.room)), like_(segment) {}
  swift::Segment segment() {
    swift::Segment own = like_;
    own.room = bytes_;
    return own;
  }
  Bytes frame() const { return to_bytes(ByteView(bytes_).subspan(swift::kPrefixMax)); }

 private:
  Bytes bytes_;
  swift::Segment like_;
};

inline std::vector<Held> cut(ByteView frame, const swift::VnetHeader& header) {
  Bytes room(swift::kPrefixMax);
  append(room, frame);
  auto cutter = swift::SegmentCutter::make(header, room);
  REQUIRE(cutter.has_value());
  std::vector<Held> segments;
  swift::Segment segment;
  while (cutter->next(segment))
    segments.emplace_back(segment);
  return segments;
}

inline Bytes joined_frame(const swift::Output& out, const swift::Injection& injection) {
  Bytes frame;
  for (std::size_t i = 0; i < injection.count; ++i)
    append(frame, out.pieces[injection.first + i]);
  REQUIRE(frame.size() == injection.size);
  return frame;
}

// The frames that the kernel would see in the end. Checks what it would check on the way.
inline std::vector<Bytes> recut(const swift::Output& out) {
  std::vector<Bytes> frames;
  for (const swift::Injection& injection : out.injections) {
    const Bytes frame = joined_frame(out, injection);
    if (injection.header.gso != swift::Gso::none) {
      const auto layers = packet::parse_layers(frame);
      REQUIRE(layers.has_value());
      CHECK(layers->end == frame.size());
      CHECK(injection.count >= 2);
      CHECK((layers->network == packet::Network::ipv6 || ipv4_checksum_ok(frame)));
      const std::size_t at = injection.header.checksum_start + injection.header.checksum_offset;
      CHECK(load_u16(ByteView(frame).subspan(at)) == slow_sum({}, pseudo_sum(frame, *layers)));
    }
    for (const Held& segment : cut(frame, injection.header))
      frames.push_back(segment.frame());
  }
  return frames;
}

}  // namespace weft::test
