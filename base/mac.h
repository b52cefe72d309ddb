// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/peer_name.h"

namespace weft {

// An Ethernet address; the low 48 bits of a number, first octet most significant.
struct MacAddr {
  std::uint64_t value = 0;

  static std::optional<MacAddr> parse(std::string_view text);
  // The bridge carries its peer's name as its address.
  static constexpr MacAddr of(PeerName name) { return {name.value()}; }
  constexpr bool multicast() const { return (value >> 40 & 1) != 0; }
  std::string text() const { return PeerName::from_u48(value).text(); }
  friend constexpr auto operator<=>(MacAddr, MacAddr) = default;
};

}  // namespace weft
