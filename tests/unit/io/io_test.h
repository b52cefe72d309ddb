// SPDX-License-Identifier: Apache-2.0
// Helpers of the tests of router/io: everything runs over loopback.
#pragma once

#include <functional>
#include <string>

#include <doctest/doctest.h>

#include "base/bytes.h"
#include "base/ip.h"
#include "router/io/event_loop.h"
#include "tests/unit/result_text.h"

namespace weft::io {

inline constexpr Endpoint kAnyPort{.ip = {0x7f000001}, .port = 0};

// Runs the loop until `reached`, but no longer than a loaded machine may need.
inline bool run_until(EventLoop& loop, const std::function<bool()>& reached) {
  const TimePoint give_up = loop.now() + std::chrono::seconds(20);
  while (!reached() && loop.now() < give_up)
    loop.run_for(std::chrono::milliseconds(5));
  return reached();
}

// Bytes that are not all alike, so that a shift shows.
inline Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<std::byte>(i * 7 + i / 251);
  return out;
}

}  // namespace weft::io
