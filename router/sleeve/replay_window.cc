// SPDX-License-Identifier: Apache-2.0
#include "router/sleeve/replay_window.h"

namespace weft::sleeve {

bool ReplayWindow::Bitmap::set(std::uint64_t offset) {
  auto& page = pages_[offset >> kPageBits];
  if (!page) page = std::make_unique<Page>();
  const std::uint64_t in_page = offset & ((std::uint64_t{1} << kPageBits) - 1);
  std::uint64_t& word = (*page)[in_page / 64];
  const std::uint64_t bit = std::uint64_t{1} << (in_page % 64);
  const bool fresh = (word & bit) == 0;
  word |= bit;
  return fresh;
}

void ReplayWindow::Bitmap::clear() {
  for (auto& page : pages_) {
    if (page) page->fill(0);
  }
}

bool ReplayWindow::accept(std::uint64_t sequence) {
  const std::uint64_t window = sequence >> kWindowBits;
  const std::uint64_t offset = sequence & ((std::uint64_t{1} << kWindowBits) - 1);
  if (window + 1 < window_) return false;
  if (window + 1 == window_) return previous_.set(offset);
  if (window > window_) {
    std::swap(previous_, current_);
    if (window != window_ + 1) previous_.clear();
    current_.clear();
    window_ = window;
  }
  return current_.set(offset);
}

}  // namespace weft::sleeve
