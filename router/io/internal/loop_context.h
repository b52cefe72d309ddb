// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share: Asio's context and one buffer to read into.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/bytes.h"
#include "router/io/event_loop.h"

namespace weft::io {

struct LoopContext {
  boost::asio::io_context io{1};  // one thread runs it
  std::optional<boost::asio::signal_set> signals;
  // Streams read into it and hand the bytes on at once, so that a stream at rest holds no memory.
  std::array<std::byte, 64 * 1024> scratch{};
};

inline std::chrono::steady_clock::time_point native(TimePoint t) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(t.time_since_epoch()));
}

}  // namespace weft::io
