// SPDX-License-Identifier: Apache-2.0
// A bounded queue of byte strings from one thread to one other, without locks. What does not fit is
// not queued: the producer is told, and counts it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace weft::swift {

class ByteRing {
 public:
  // `capacity` in bytes, rounded up to a power of two. Memory is touched only as far as it is used.
  explicit ByteRing(std::size_t capacity);
  ByteRing(const ByteRing&) = delete;
  ByteRing& operator=(const ByteRing&) = delete;
  ~ByteRing() = default;

  // The producer's side. Room for a record of `size` bytes, aligned to 8; no room: null. A record
  // that is claimed and not published is forgotten by the next claim().
  Byte* claim(std::size_t size);
  void publish();

  // The consumer's side. The oldest record, null if there is none; it stays until pop().
  const Byte* front(std::size_t& size);
  void pop();

  // The largest record that an empty ring is sure to take, in bytes.
  std::size_t record_max() const { return capacity_ / 2 - kHeaderSize; }

 private:
  static constexpr std::size_t kHeaderSize = sizeof(std::uint64_t);
  static constexpr std::size_t kCacheLine = 64;

  Byte* at(std::uint64_t position) { return bytes_.get() + (position & (capacity_ - 1)); }
  bool room(std::uint64_t end);

  std::size_t capacity_;
  std::unique_ptr<Byte[]> bytes_;
  // Positions only grow. Each thread's are on a cache line of their own.
  alignas(kCacheLine) std::atomic<std::uint64_t> written_{0};
  std::uint64_t claimed_end_ = 0;
  std::uint64_t read_seen_ = 0;
  alignas(kCacheLine) std::atomic<std::uint64_t> read_{0};
  std::uint64_t front_end_ = 0;
};

}  // namespace weft::swift
