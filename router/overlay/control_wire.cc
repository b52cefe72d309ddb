// SPDX-License-Identifier: Apache-2.0
#include "router/overlay/control_wire.h"

#include <limits>

namespace weft::overlay {
namespace {

Result<> check(const ControlMessage& message, std::size_t overlay_count) {
  if (message.index >= overlay_count || message.index > std::numeric_limits<std::uint8_t>::max()) {
    return Error{Errc::bad_value, 0, "overlay control: index of no common overlay"};
  }
  if (message.body.size() > kControlBodyMax) {
    return Error{Errc::too_large, 0, "overlay control: body too large"};
  }
  return {};
}

}  // namespace

Result<ControlMessage> parse_control(ByteView payload, std::size_t overlay_count) {
  Reader r(payload);
  ControlMessage message;
  message.index = r.u8();
  message.tag = r.u8();
  message.body = r.rest();
  if (r.failed()) return Error{Errc::truncated, 0, "overlay control: shorter than two bytes"};
  if (auto ok = check(message, overlay_count); !ok) return ok.error();
  return message;
}

Result<Bytes> write_control(const ControlMessage& message, std::size_t overlay_count) {
  if (auto ok = check(message, overlay_count); !ok) return ok.error();
  Bytes out;
  Writer w(out);
  w.u8(static_cast<std::uint8_t>(message.index)).u8(message.tag).bytes(message.body);
  return out;
}

}  // namespace weft::overlay
