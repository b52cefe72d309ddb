// SPDX-License-Identifier: Apache-2.0
#include "crypto/sodium_rng.h"

#include <sodium.h>

#include "base/ensure.h"

namespace weft::crypto {

SodiumRng::SodiumRng() {
  ensure(sodium_init() >= 0, "libsodium does not initialise");
}

std::uint64_t SodiumRng::next() {
  std::uint64_t v = 0;
  randombytes_buf(&v, sizeof v);
  return v;
}

}  // namespace weft::crypto
