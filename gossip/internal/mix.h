// SPDX-License-Identifier: Apache-2.0
// A mixing function for hashes that need not withstand malice.
#pragma once

#include <cstdint>

namespace weft::gossip {

// The finaliser of SplitMix64: every input bit reaches every output bit.
inline std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace weft::gossip
