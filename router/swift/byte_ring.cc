// SPDX-License-Identifier: Apache-2.0
#include "router/swift/byte_ring.h"

#include <bit>
#include <cstring>

namespace weft::swift {
namespace {

constexpr std::size_t kCapacityMin = 1024;
// In place of a length: the record did not fit before the end of the memory, go on at its start.
constexpr std::uint64_t kWrap = ~std::uint64_t{0};

std::uint64_t aligned(std::uint64_t size) {
  return (size + 7) & ~std::uint64_t{7};
}

}  // namespace

ByteRing::ByteRing(std::size_t capacity)
    : capacity_(std::bit_ceil(capacity < kCapacityMin ? kCapacityMin : capacity)),
      bytes_(new Byte[capacity_]) {}

bool ByteRing::room(std::uint64_t end) {
  if (end - read_seen_ <= capacity_) return true;
  read_seen_ = read_.load(std::memory_order_acquire);
  return end - read_seen_ <= capacity_;
}

Byte* ByteRing::claim(std::size_t size) {
  if (size > record_max()) return nullptr;
  std::uint64_t start = written_.load(std::memory_order_relaxed);
  const std::uint64_t need = kHeaderSize + aligned(size);
  const std::uint64_t to_end = capacity_ - (start & (capacity_ - 1));
  const bool wraps = need > to_end;
  if (!room(start + need + (wraps ? to_end : 0))) return nullptr;
  if (wraps) {
    std::memcpy(at(start), &kWrap, sizeof kWrap);
    start += to_end;
  }
  const std::uint64_t length = size;
  std::memcpy(at(start), &length, sizeof length);
  claimed_end_ = start + need;
  return at(start) + kHeaderSize;
}

void ByteRing::publish() {
  written_.store(claimed_end_, std::memory_order_release);
}

const Byte* ByteRing::front(std::size_t& size) {
  std::uint64_t start = read_.load(std::memory_order_relaxed);
  if (start == written_.load(std::memory_order_acquire)) return nullptr;
  std::uint64_t length = 0;
  std::memcpy(&length, at(start), sizeof length);
  if (length == kWrap) {
    start += capacity_ - (start & (capacity_ - 1));
    std::memcpy(&length, at(start), sizeof length);
  }
  size = length;
  front_end_ = start + kHeaderSize + aligned(length);
  return at(start) + kHeaderSize;
}

void ByteRing::pop() {
  read_.store(front_end_, std::memory_order_release);
}

}  // namespace weft::swift
