// SPDX-License-Identifier: Apache-2.0
// Control messages that the overlays of a link exchange over its TCP connection (tag 7):
//
//     | index 1 | overlay tag 1 | body … |
//
// `index` numbers the overlays both ends have in common. Go peers index their table without a
// check, so neither a short message nor an index out of range may ever be written.
// Source: weave router/overlay_switch.go; see docs/wire/sleeve.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace weft::overlay {

// The largest body any overlay defines (fastdp's security association) is 64 bytes.
inline constexpr std::size_t kControlBodyMax = 256;

struct ControlMessage {
  std::size_t index = 0;
  std::uint8_t tag = 0;
  ByteView body;  // views into what was parsed
};

// Error: shorter than two bytes, an index that is not below `overlay_count`, or a body too large.
Result<ControlMessage> parse_control(ByteView payload, std::size_t overlay_count);
// The same errors: what parse_control would refuse cannot be written.
Result<Bytes> write_control(const ControlMessage& message, std::size_t overlay_count);

}  // namespace weft::overlay
