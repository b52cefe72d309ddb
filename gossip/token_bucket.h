// SPDX-License-Identifier: Apache-2.0
// Limits a rate: starts full, gains one token per interval, and every admitted event takes one.
#pragma once

#include "base/time_point.h"

namespace weft::gossip {

class TokenBucket {
 public:
  TokenBucket(std::uint32_t capacity, Duration interval)
      : capacity_(capacity), interval_(interval), tokens_(capacity) {}

  // True, and a token less, if there is one.
  bool take(TimePoint now);

 private:
  std::uint32_t capacity_;
  Duration interval_;
  std::uint32_t tokens_;
  TimePoint filled_;  // when the last token came in
};

}  // namespace weft::gossip
