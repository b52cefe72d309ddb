// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/rng.h"

namespace weft::crypto {

// The operating system's randomness through libsodium: what the daemon runs on.
class SodiumRng final : public Rng {
 public:
  SodiumRng();  // initialises libsodium; aborts if that fails
  std::uint64_t next() override;
};

}  // namespace weft::crypto
