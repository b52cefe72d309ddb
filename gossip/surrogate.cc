// SPDX-License-Identifier: Apache-2.0
#include "gossip/surrogate.h"

#include <chrono>

#include "gossip/internal/mix.h"

namespace weft::gossip {

namespace {

std::uint64_t absorb(std::uint64_t state, ByteView bytes) {
  Reader reader(bytes);
  while (reader.rest().size() >= 8)
    state = mix(state ^ reader.u64()) + state;
  std::uint64_t tail = 1;
  while (!reader.empty())
    tail = tail << 8 | reader.u8();
  return mix(state ^ tail ^ bytes.size() << 40) + state;
}

}  // namespace

bool Surrogates::is_new(TimePoint now, std::string_view channel, ByteView payload) {
  while (!by_age_.empty() && by_age_.front().first + kSeenFor <= now) {
    seen_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
  if (by_age_.size() >= kSeenMax) return false;
  auto message = digest(channel, payload);
  if (!seen_.insert(message).second) return false;
  by_age_.emplace_back(now, message);
  return true;
}

Surrogates::Digest Surrogates::digest(std::string_view channel, ByteView payload) const {
  return {absorb(absorb(key_.first, as_bytes(channel)), payload),
          absorb(absorb(key_.second, as_bytes(channel)), payload)};
}

}  // namespace weft::gossip
