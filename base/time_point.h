// SPDX-License-Identifier: Apache-2.0
// Time as an argument. The clock type has no now(): only main() and the drivers read a clock, so a
// state machine cannot, and a simulation decides what time it is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace weft {

struct MonotonicClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

using TimePoint = MonotonicClock::time_point;
using Duration = MonotonicClock::duration;

// What to add to a TimePoint to get the time since 1970; read once at start, for texts and for
// informative time stamps on the wire only.
struct WallOffset {
  Duration since_epoch{0};

  std::chrono::system_clock::time_point wall(TimePoint t) const {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(t.time_since_epoch() +
                                                                        since_epoch));
  }
  std::int64_t unix_seconds(TimePoint t) const {
    return std::chrono::duration_cast<std::chrono::seconds>(wall(t).time_since_epoch()).count();
  }
};

// The earlier of two deadlines, where "none" is later than any.
inline std::optional<TimePoint> earliest(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  if (!a) return b;
  if (!b) return a;
  return *a < *b ? a : b;
}

}  // namespace weft
