// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include "base/ensure.h"

namespace weft {

std::uint64_t Rng::below(std::uint64_t bound) {
  ensure(bound != 0, "below(0) has no result");
  // Reject the tail that would make small values likelier.
  std::uint64_t tail = (0 - bound) % bound;
  for (;;) {
    std::uint64_t v = next();
    if (v >= tail) return v % bound;
  }
}

double Rng::unit() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

void Rng::fill(ByteSpan out) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) word = next();
    out[i] = static_cast<Byte>(word);
    word >>= 8;
  }
}

std::uint64_t SeededRng::next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace weft
