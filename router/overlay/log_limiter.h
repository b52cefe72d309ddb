// SPDX-License-Identifier: Apache-2.0
// Keeps a log line that packets can cause down to one per interval, without hiding how many there
// were.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/time_point.h"

namespace weft::overlay {

class LogLimiter {
 public:
  static constexpr std::chrono::minutes kInterval{1};

  // How many occasions the line now stands for, this one included; nothing if it must not be
  // written yet.
  std::optional<std::uint64_t> admit(TimePoint now) {
    ++pending_;
    if (last_ && now - *last_ < kInterval) return std::nullopt;
    last_ = now;
    return std::exchange(pending_, 0);
  }

 private:
  std::optional<TimePoint> last_;
  std::uint64_t pending_ = 0;
};

}  // namespace weft::overlay
