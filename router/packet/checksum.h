// SPDX-License-Identifier: Apache-2.0
// The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit
// words. Sums eight bytes at a time, since super-frames are summed whole.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weft::packet {

class InternetChecksum {
 public:
  // Every piece but the last must have even length.
  InternetChecksum& add(ByteView bytes);
  InternetChecksum& add_u16(std::uint16_t value);
  InternetChecksum& add_u32(std::uint32_t value);
  // The folded sum, not complemented: what a partial checksum holds.
  std::uint16_t sum() const;
  std::uint16_t checksum() const { return static_cast<std::uint16_t>(~sum()); }

 private:
  std::uint64_t sum_ = 0;  // in the machine's byte order; the sum commutes with swapping
};

}  // namespace weft::packet
