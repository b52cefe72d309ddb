// SPDX-License-Identifier: Apache-2.0
// Which sequence numbers of one stream have been seen, exactly as Weave decides: two bitmaps of
// 2^20 numbers each, the current one and the one before. Memory comes in pages as numbers arrive,
// so that a quiet link costs a page and not half a megabyte.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace weft::sleeve {

class ReplayWindow {
 public:
  static constexpr unsigned kWindowBits = 20;

  // True the first time for a number that is not too old; asked only after the box has opened.
  bool accept(std::uint64_t sequence);

 private:
  static constexpr unsigned kPageBits = 15;
  static constexpr std::size_t kPages = std::size_t{1} << (kWindowBits - kPageBits);
  using Page = std::array<std::uint64_t, (std::size_t{1} << kPageBits) / 64>;

  class Bitmap {
   public:
    // Sets the bit; false if it was set.
    bool set(std::uint64_t offset);
    void clear();

   private:
    std::array<std::unique_ptr<Page>, kPages> pages_;
  };

  std::uint64_t window_ = 0;
  Bitmap current_;
  Bitmap previous_;
};

}  // namespace weft::sleeve
