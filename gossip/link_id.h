// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace weft::gossip {

// One TCP connection, dialled or accepted, from the first attempt to its close; never used again
// within a run. The driver keeps the socket under this number.
struct LinkId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(LinkId, LinkId) = default;
};

}  // namespace weft::gossip
