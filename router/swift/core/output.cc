// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/output.h"

#include <algorithm>

namespace weft::swift {
namespace {

// Room for three full trains, so that most batches need one block.
constexpr std::size_t kBlockSize = std::size_t{256} << 10;
// What a burst needed beyond this is given back.
constexpr std::size_t kBlocksKept = 16;

}  // namespace

ByteSpan Arena::take(std::size_t size) {
  while (current_ < blocks_.size() && blocks_[current_].size - at_ < size) {
    ++current_;
    at_ = 0;
  }
  if (current_ == blocks_.size()) {
    const std::size_t wanted = std::max(size, kBlockSize);
    blocks_.push_back({std::make_unique_for_overwrite<Byte[]>(wanted), wanted});
    at_ = 0;
  }
  const ByteSpan taken(blocks_[current_].bytes.get() + at_, size);
  at_ += size;
  used_ += size;
  return taken;
}

void Arena::give_back(ByteSpan unused) {
  if (current_ == blocks_.size() || unused.size() > at_) return;
  if (unused.data() + unused.size() != blocks_[current_].bytes.get() + at_) return;
  at_ -= unused.size();
  used_ -= unused.size();
}

void Arena::clear() {
  if (blocks_.size() > kBlocksKept) blocks_.resize(kBlocksKept);
  current_ = 0;
  at_ = 0;
  used_ = 0;
}

void Output::clear() {
  arena.clear();
  trains.clear();
  injections.clear();
  pieces.clear();
  for_control.clear();
  hops.clear();
  events.clear();
}

}  // namespace weft::swift
