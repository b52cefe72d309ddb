// SPDX-License-Identifier: Apache-2.0
#include "gossip/token_bucket.h"

#include <algorithm>

namespace weft::gossip {

bool TokenBucket::take(TimePoint now) {
  if (now > filled_) {
    auto gained = (now - filled_) / interval_;
    auto room = static_cast<Duration::rep>(capacity_ - tokens_);
    tokens_ += static_cast<std::uint32_t>(std::min<Duration::rep>(gained, room));
    // A full bucket gains nothing, so its clock starts with the next token taken.
    filled_ = tokens_ == capacity_ ? now : filled_ + gained * interval_;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

}  // namespace weft::gossip
