// SPDX-License-Identifier: Apache-2.0
// How long to wait before an API server is asked again: doubling, with jitter, so that the agents
// of a thousand nodes do not come back together, and never less than it asked for.
#pragma once

#include <algorithm>
#include <optional>

#include "base/rng.h"
#include "base/time_point.h"

namespace weft::kube {

// What client-go's informers use.
inline constexpr Duration kRetryFirst = std::chrono::milliseconds(800);
inline constexpr Duration kRetryMax = std::chrono::seconds(30);

class BackOff {
 public:
  // Between one half and one and a half of the interval, which doubles with each call.
  Duration next(Rng& rng, std::optional<std::chrono::seconds> at_least = std::nullopt) {
    const Duration interval = interval_;
    interval_ = std::min(interval_ * 2, kRetryMax);
    const auto span = static_cast<std::uint64_t>(interval.count());
    const Duration jittered = interval / 2 + Duration(static_cast<Duration::rep>(rng.below(span)));
    // The jitter comes on top of what the server asked for: all were told the same.
    return at_least ? *at_least + jittered : jittered;
  }
  void reset() { interval_ = kRetryFirst; }

 private:
  Duration interval_ = kRetryFirst;
};

}  // namespace weft::kube
