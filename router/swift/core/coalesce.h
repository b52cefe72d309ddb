// SPDX-License-Identifier: Apache-2.0
// Joins received segments into super-frames without touching their payload: an injection is a list
// of views into the received datagrams. Joins what the Linux kernel's own GRO would join and
// nothing else, since what comes out is cut again by the same kernel: TCP and UDP with a partial
// checksum, equal headers, consecutive sequence numbers and IPv4 IDs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "router/swift/core/internal/glance.h"
#include "router/swift/core/output.h"
#include "router/swift/core/segment.h"

namespace weft::swift {

class Coalescer {
 public:
  // Flows that are held at once; the kernel's GRO holds 8 per bucket.
  static constexpr std::size_t kHeldMax = 8;
  // Pieces of one injection. The kernel takes 1,024 for a writev().
  static constexpr std::size_t kJoinedMax = 128;
  // UDP_MAX_SEGMENTS of kernels before 6.8.
  static constexpr std::size_t kJoinedUdpMax = 64;

  struct Options {
    bool joins_udp = true;
  };

  explicit Coalescer(Options options);

  // The frame must stay where it is, and its headers writable, until the output is carried out.
  // Frames of one flow, and all frames between two MACs of which one is no TCP or UDP segment that
  // may be joined, leave in the order in which they came.
  void add(const Segment& segment, Output& out);
  // Nothing is held afterwards.
  void flush(Output& out);

 private:
  enum class IdKind : std::uint8_t { undecided, counted, fixed };
  struct Held {
    Segment first;
    Glance glance;
    std::size_t segment_size = 0;  // payload of all but the last
    std::size_t size = 0;          // of the joined frame
    std::uint32_t next_sequence = 0;
    std::uint16_t next_id = 0;
    IdKind id_kind = IdKind::undecided;
    std::vector<ByteView> pieces;
  };

  static bool id_follows(Held& held, const Glance& next);
  static bool follows(Held& held, const Glance& next);
  static bool may_be_first(const Glance& glance);
  static bool ends(const Held& held, const Glance& glance);

  std::size_t find(const Glance& glance) const;  // count_ if there is none
  void hold(const Segment& segment, const Glance& glance, Output& out);
  void join(Held& held, const Glance& glance);
  void emit(std::size_t at, Output& out);
  void emit_between(const Byte* macs, Output& out);
  static void emit_single(const Segment& segment, Output& out);
  static void finish_headers(Held& held);

  Options options_;
  // Oldest first. The objects move around so that their memory is used again.
  std::array<Held, kHeldMax> held_;
  std::size_t count_ = 0;
};

}  // namespace weft::swift
