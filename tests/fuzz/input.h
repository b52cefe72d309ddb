// SPDX-License-Identifier: Apache-2.0
// What every fuzz target needs: the input as bytes, and a cursor that turns a part of it into
// choices.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace weft::fuzz {

inline ByteView view(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const Byte*>(data), size};
}

class Choices {
 public:
  explicit Choices(ByteView in) : rest_(in) {}

  bool empty() const { return rest_.empty(); }
  // 0 when the input is used up.
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    auto v = std::to_integer<std::uint8_t>(rest_[0]);
    rest_ = rest_.subspan(1);
    return v;
  }
  ByteView take(std::size_t n) {
    ByteView taken = rest_.first(n < rest_.size() ? n : rest_.size());
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
};

}  // namespace weft::fuzz
