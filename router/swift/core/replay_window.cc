// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/replay_window.h"

#include <algorithm>

namespace weft::swift {

void ReplayWindow::accept(std::uint64_t counter) {
  if (counter >= next_) {
    // With nothing accepted yet all words are clear.
    const std::uint64_t current = next_ == 0 ? 0 : (next_ - 1) / 64;
    const std::uint64_t moved = std::min(counter / 64 - current, kWords);
    for (std::uint64_t i = 1; i <= moved; ++i)
      words_[(current + i) % kWords] = 0;
    next_ = counter + 1;
  }
  words_[counter / 64 % kWords] |= std::uint64_t{1} << (counter % 64);
}

}  // namespace weft::swift
