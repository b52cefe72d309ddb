// SPDX-License-Identifier: Apache-2.0
// Which counters of one stream have been seen under one key: a sliding window, as in RFC 6479, a
// ring of words of which one is always spare, so that moving on clears whole words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::swift {

class ReplayWindow {
 public:
  // Counters behind the highest that are still told apart. A batch of 64 trains fits.
  static constexpr std::uint64_t kSize = 8192;

  // The last number there is; nobody gets that far, and there would be none beyond it.
  static constexpr std::uint64_t kUnusable = ~std::uint64_t{0};

  // False if it was accepted before, or is too old to know. Changes nothing: may be asked before
  // the datagram is believed.
  bool fresh(std::uint64_t counter) const {
    if (counter >= next_) return counter != kUnusable;
    if (next_ - counter > kSize) return false;
    return (words_[counter / 64 % kWords] >> (counter % 64) & 1) == 0;
  }
  // Only for a counter that is fresh, of a datagram that opened.
  void accept(std::uint64_t counter);
  // One beyond the highest accepted; 0: none was.
  std::uint64_t next() const { return next_; }

 private:
  static constexpr std::uint64_t kWords = kSize / 64 + 1;

  std::uint64_t next_ = 0;
  std::array<std::uint64_t, kWords> words_{};
};

}  // namespace weft::swift
