// SPDX-License-Identifier: Apache-2.0
// Big-endian fields at fixed places, inlined: the packet path reads and writes some twenty of them
// per datagram. Callers have checked the length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace weft::swift::fields {

inline std::uint8_t u8(const Byte* at) {
  return std::to_integer<std::uint8_t>(*at);
}
inline std::uint16_t u16(const Byte* at) {
  std::uint16_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return __builtin_bswap16(v);
}
inline std::uint32_t u32(const Byte* at) {
  std::uint32_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return __builtin_bswap32(v);
}
inline std::uint64_t u64(const Byte* at) {
  std::uint64_t v = 0;
  std::memcpy(&v, at, sizeof v);
  return __builtin_bswap64(v);
}
inline std::uint64_t u48(const Byte* at) {
  return std::uint64_t{u16(at)} << 32 | u32(at + 2);
}

inline void put_u16(Byte* at, std::uint16_t v) {
  v = __builtin_bswap16(v);
  std::memcpy(at, &v, sizeof v);
}
inline void put_u32(Byte* at, std::uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(at, &v, sizeof v);
}
inline void put_u64(Byte* at, std::uint64_t v) {
  v = __builtin_bswap64(v);
  std::memcpy(at, &v, sizeof v);
}
inline void put_u48(Byte* at, std::uint64_t v) {
  put_u16(at, static_cast<std::uint16_t>(v >> 32));
  put_u32(at + 2, static_cast<std::uint32_t>(v));
}

// Ones' complement arithmetic (RFC 1071) on sums that are kept wide until the end.
inline std::uint32_t sum_of(const Byte* at, std::size_t even_size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < even_size; i += 2)
    sum += u16(at + i);
  return sum;
}
inline std::uint16_t folded(std::uint32_t sum) {
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}

}  // namespace weft::swift::fields
