// SPDX-License-Identifier: Apache-2.0
#include "router/packet/checksum.h"

#include <bit>
#include <cstring>

namespace weft::packet {
namespace {

constexpr std::uint16_t swapped(std::uint16_t v) {
  return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(v << 8 | v >> 8)
                                                    : v;
}

template <class Word>
Word load_native(const Byte* at) {
  Word word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

InternetChecksum& InternetChecksum::add(ByteView bytes) {
  const Byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  for (; left >= 8; left -= 8, at += 8) {
    auto word = load_native<std::uint64_t>(at);
    low += word & 0xffffffffU;
    high += word >> 32;
  }
  for (; left >= 2; left -= 2, at += 2)
    low += load_native<std::uint16_t>(at);
  if (left == 1) {
    // A last odd byte counts as if a zero followed it.
    low += swapped(static_cast<std::uint16_t>(std::to_integer<std::uint16_t>(*at) << 8));
  }
  // Folded to 32 bits at once, so that no number of pieces can overflow.
  std::uint64_t total = (low & 0xffffffffU) + (low >> 32) + (high & 0xffffffffU) + (high >> 32);
  sum_ += (total & 0xffffffffU) + (total >> 32);
  return *this;
}

InternetChecksum& InternetChecksum::add_u16(std::uint16_t value) {
  sum_ += swapped(value);
  return *this;
}

InternetChecksum& InternetChecksum::add_u32(std::uint32_t value) {
  add_u16(static_cast<std::uint16_t>(value >> 16));
  return add_u16(static_cast<std::uint16_t>(value));
}

std::uint16_t InternetChecksum::sum() const {
  std::uint64_t folded = (sum_ & 0xffffffffU) + (sum_ >> 32);
  while (folded >> 16 != 0)
    folded = (folded & 0xffffU) + (folded >> 16);
  return swapped(static_cast<std::uint16_t>(folded));
}

}  // namespace weft::packet
