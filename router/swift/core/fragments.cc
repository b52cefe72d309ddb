// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/fragments.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weft::swift {
namespace {

bool same_frame(const Fragment& a, const Fragment& b) {
  return a.tunnel == b.tunnel && a.first_counter == b.first_counter && a.stream == b.stream &&
         a.epoch == b.epoch;
}

}  // namespace

std::optional<Fragments::Whole> Fragments::add(TimePoint now, const Fragment& fragment) {
  expire(now);
  if (fragment.count < 2 || fragment.index >= fragment.count || fragment.bytes.empty()) {
    ++dropped_;
    return std::nullopt;
  }
  Partial* partial = find(fragment);
  if (partial == nullptr) partial = &start(now, fragment);
  if (!store(*partial, fragment)) {
    drop(*partial);
    return std::nullopt;
  }
  const std::size_t count = partial->head.count;
  if (partial->there.count() < count) return std::nullopt;
  const std::size_t before_last = (count - 1) * partial->piece_size;
  const std::size_t size = before_last + partial->last_size;
  const ByteSpan bytes = partial->bytes;
  const ByteSpan last = bytes.last(partial->last_size);
  std::memmove(bytes.data() + before_last, last.data(), last.size());
  partial->used = false;
  return Whole{.source = partial->head.source,
               .destination = partial->head.destination,
               .frame = ByteView(bytes).first(size)};
}

// False: the fragment contradicts those before it, or the frame would be too large.
bool Fragments::store(Partial& partial, const Fragment& fragment) {
  const Fragment& head = partial.head;
  if (fragment.count != head.count || fragment.source != head.source ||
      fragment.destination != head.destination) {
    return false;
  }
  const std::size_t size = fragment.bytes.size();
  const bool last = fragment.index + 1 == fragment.count;
  std::size_t& expected = last ? partial.last_size : partial.piece_size;
  // A datagram twice, which only a plain tunnel lets through.
  if (partial.there.test(fragment.index)) return expected == size;
  if (!last && expected != 0 && expected != size) return false;
  expected = size;
  const std::size_t before_last = (std::size_t{head.count} - 1) * partial.piece_size;
  if (before_last + partial.last_size > kFrameSizeMax) return false;
  if (partial.piece_size != 0 && partial.last_size > partial.piece_size) return false;
  const std::size_t at = last ? kFrameSizeMax - size : fragment.index * size;
  std::copy(fragment.bytes.begin(), fragment.bytes.end(),
            partial.bytes.begin() + static_cast<std::ptrdiff_t>(at));
  partial.there.set(fragment.index);
  return true;
}

Fragments::Partial* Fragments::find(const Fragment& fragment) {
  for (Partial& partial : partials_) {
    if (partial.used && same_frame(partial.head, fragment)) return &partial;
  }
  return nullptr;
}

Fragments::Partial& Fragments::start(TimePoint now, const Fragment& fragment) {
  Partial& partial = slot_for(fragment.tunnel);
  partial.used = true;
  partial.since = now;
  partial.head = fragment;
  partial.head.bytes = {};
  partial.piece_size = 0;
  partial.last_size = 0;
  partial.there.reset();
  // Kept once needed; what a path that is never too small costs is nothing.
  partial.bytes.resize(kFrameSizeMax);
  return partial;
}

// A free slot; else the oldest of the tunnel, if it has its share; else the oldest of all.
Fragments::Partial& Fragments::slot_for(std::uint32_t tunnel) {
  const auto of_tunnel = [tunnel](const Partial& p) {
    return p.used && p.head.tunnel == tunnel;
  };
  const auto share = std::ranges::count_if(partials_, of_tunnel);
  const bool its_own = share >= static_cast<std::ptrdiff_t>(kFramesPerTunnelMax);
  Partial* oldest = nullptr;
  for (Partial& partial : partials_) {
    if (!partial.used && !its_own) return partial;
    if (its_own && !of_tunnel(partial)) continue;
    if (oldest == nullptr || partial.since < oldest->since) oldest = &partial;
  }
  drop(*oldest);
  return *oldest;
}

void Fragments::expire(TimePoint now) {
  for (Partial& partial : partials_) {
    if (partial.used && now - partial.since > kAgeMax) drop(partial);
  }
}

void Fragments::drop(Partial& partial) {
  partial.used = false;
  ++dropped_;
}

std::uint64_t Fragments::take_dropped() {
  return std::exchange(dropped_, 0);
}

void Fragments::forget(std::uint32_t tunnel) {
  for (Partial& partial : partials_) {
    if (partial.used && partial.head.tunnel == tunnel) drop(partial);
  }
}

}  // namespace weft::swift
