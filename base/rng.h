// SPDX-License-Identifier: Apache-2.0
// Randomness as an argument. Product code gets crypto::SodiumRng; tests and the simulator get
// SeededRng, whose sequence is the same with every compiler and library.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weft {

class Rng {
 public:
  Rng() = default;
  Rng(const Rng&) = delete;
  Rng& operator=(const Rng&) = delete;
  virtual ~Rng() = default;

  virtual std::uint64_t next() = 0;
  // Uniform in [0, bound); bound must not be 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double unit();
  void fill(ByteSpan out);
};

// SplitMix64 (Steele, Lea, Flood 2014). Deterministic; never for keys in a running daemon.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

}  // namespace weft
