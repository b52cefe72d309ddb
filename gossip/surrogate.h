// SPDX-License-Identifier: Apache-2.0
// Stands in for the channels that nobody here owns: their messages are relayed as they came, and
// gossip that was seen within the last interval is not relayed again. Remembers digests only.
#pragma once

#include <cstddef>
#include <deque>
#include <set>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/time_point.h"

namespace weft::gossip {

// For how long a message counts as seen: the period of gossip.
inline constexpr std::chrono::seconds kSeenFor{30};
// How many digests are kept. Beyond them nothing is relayed: a flood must not be passed on.
inline constexpr std::size_t kSeenMax = 16'384;

class Surrogates {
 public:
  // The digests are keyed, so that nobody can make two messages look alike on purpose.
  explicit Surrogates(Rng& rng) : key_{rng.next(), rng.next()} {}

  // True if this gossip is new, and is to be relayed. Remembers it.
  bool is_new(TimePoint now, std::string_view channel, ByteView payload);
  std::size_t size() const { return by_age_.size(); }

 private:
  using Digest = std::pair<std::uint64_t, std::uint64_t>;
  Digest digest(std::string_view channel, ByteView payload) const;

  Digest key_;
  std::set<Digest> seen_;
  std::deque<std::pair<TimePoint, Digest>> by_age_;  // oldest first
};

}  // namespace weft::gossip
