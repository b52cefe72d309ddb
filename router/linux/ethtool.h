// SPDX-License-Identifier: Apache-2.0
// What an interface leaves to "hardware": checksums, segmentation, coalescing. Interfaces of the
// calling thread's namespace.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"

namespace weft::linux_net {

// Unset fields are left as they are.
struct Offloads {
  std::optional<bool> rx_checksum;
  std::optional<bool> tx_checksum;
  std::optional<bool> scatter_gather;
  std::optional<bool> tso;
  std::optional<bool> gso;
  std::optional<bool> gro;
};

// With these the kernel finishes frames before it hands them to the interface: checksums are done
// and none is above the MTU.
inline constexpr Offloads kWholeFrames{.rx_checksum = {},
                                       .tx_checksum = false,
                                       .scatter_gather = {},
                                       .tso = false,
                                       .gso = false,
                                       .gro = {}};
// And none is merged on arrival.
inline constexpr Offloads kCaptureOffloads{.rx_checksum = {},
                                           .tx_checksum = false,
                                           .scatter_gather = {},
                                           .tso = false,
                                           .gso = false,
                                           .gro = false};

Result<Offloads> offloads(std::string_view link);
// What the device does not know (EOPNOTSUPP) is passed over when it is to be switched off.
Result<> set_offloads(std::string_view link, const Offloads& wanted);

}  // namespace weft::linux_net
