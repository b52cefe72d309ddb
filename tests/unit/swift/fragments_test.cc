// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/fragments.h"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

#include "base/rng.h"

namespace weft::swift {
namespace {

constexpr TimePoint kNow{std::chrono::hours{1}};
const PeerName kSource = PeerName::from_u48(0x7a01);
const PeerName kDestination = PeerName::from_u48(0x7a02);

std::vector<Fragment> cut(ByteView frame, std::size_t piece, std::uint64_t counter,
                          std::uint32_t tunnel = 1) {
  const std::size_t count = (frame.size() + piece - 1) / piece;
  std::vector<Fragment> pieces;
  for (std::size_t i = 0; i < count; ++i) {
    pieces.push_back(
        {.tunnel = tunnel,
         .first_counter = counter,
         .index = static_cast<std::uint8_t>(i),
         .count = static_cast<std::uint8_t>(count),
         .source = kSource,
         .destination = kDestination,
         .bytes = frame.subspan(i * piece, std::min(piece, frame.size() - i * piece))});
  }
  return pieces;
}

Bytes random_frame(Rng& rng, std::size_t size) {
  Bytes frame(size);
  rng.fill(frame);
  return frame;
}

TEST_CASE("swift: fragments: frames come together in any order, mixed with one another") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SeededRng rng(seed);
    Fragments fragments;
    std::vector<Bytes> frames;
    std::vector<Fragment> pieces;
    for (std::uint32_t i = 0; i < 6; ++i)
      frames.push_back(random_frame(rng, 1000 + rng.below(20000)));
    for (std::uint32_t i = 0; i < 6; ++i) {
      const auto of_frame = cut(frames[i], 300 + rng.below(600), 1000 * i, i / 3);
      pieces.insert(pieces.end(), of_frame.begin(), of_frame.end());
    }
    for (std::size_t i = pieces.size(); i > 1; --i)
      std::swap(pieces[i - 1], pieces[rng.below(i)]);
    std::vector<Bytes> whole;
    for (const Fragment& piece : pieces) {
      const auto joined = fragments.add(kNow, piece);
      if (!joined) continue;
      CHECK(joined->source == kSource);
      CHECK(joined->destination == kDestination);
      whole.push_back(to_bytes(joined->frame));
    }
    CHECK(fragments.take_dropped() == 0);
    REQUIRE(whole.size() == frames.size());
    CHECK(std::ranges::is_permutation(whole, frames));
  }
}

TEST_CASE("swift: fragments: the largest frame fits, and nothing larger") {
  SeededRng rng(1);
  Fragments fragments;
  const Bytes largest = random_frame(rng, Fragments::kFrameSizeMax);
  std::optional<Fragments::Whole> joined;
  for (const Fragment& piece : cut(largest, 1400, 0)) {
    CHECK_FALSE(joined.has_value());
    joined = fragments.add(kNow, piece);
  }
  REQUIRE(joined.has_value());
  CHECK(to_bytes(joined->frame) == largest);
  const Bytes larger = random_frame(rng, Fragments::kFrameSizeMax + 1);
  for (const Fragment& piece : cut(larger, 1400, 100))
    CHECK_FALSE(fragments.add(kNow, piece).has_value());
  CHECK(fragments.take_dropped() >= 1);
}

TEST_CASE("swift: fragments: what contradicts itself is dropped and counted") {
  SeededRng rng(2);
  Fragments fragments;
  const Bytes frame = random_frame(rng, 3000);
  const auto pieces = cut(frame, 1000, 0);
  const auto dropped_by = [&](Fragment bad) {
    fragments.add(kNow, pieces[0]);
    CHECK_FALSE(fragments.add(kNow, bad).has_value());
    return fragments.take_dropped();
  };
  Fragment other = pieces[1];
  other.count = 4;
  CHECK(dropped_by(other) == 1);
  other = pieces[1];
  other.bytes = ByteView(frame).first(999);
  CHECK(dropped_by(other) == 1);
  other = pieces[1];
  other.destination = kSource;
  CHECK(dropped_by(other) == 1);
  other = pieces[2];
  other.bytes = ByteView(frame).first(1001);
  CHECK(dropped_by(other) == 1);
  for (const auto& [index, count] : {std::pair{0, 0}, {0, 1}, {3, 3}, {9, 3}}) {
    other = pieces[1];
    other.index = static_cast<std::uint8_t>(index);
    other.count = static_cast<std::uint8_t>(count);
    fragments.add(kNow, other);
    CHECK(fragments.take_dropped() == 1);
  }
  // A datagram twice changes nothing.
  CHECK_FALSE(fragments.add(kNow, pieces[0]).has_value());
  CHECK_FALSE(fragments.add(kNow, pieces[0]).has_value());
  CHECK_FALSE(fragments.add(kNow, pieces[1]).has_value());
  CHECK(fragments.add(kNow, pieces[2]).has_value());
}

TEST_CASE("swift: fragments: unfinished frames go after a while, and with their tunnel") {
  SeededRng rng(3);
  Fragments fragments;
  const Bytes frame = random_frame(rng, 3000);
  fragments.add(kNow, cut(frame, 1000, 0)[0]);
  const TimePoint later = kNow + Fragments::kAgeMax + std::chrono::seconds(1);
  fragments.add(later, cut(frame, 1000, 50)[0]);
  CHECK(fragments.take_dropped() == 1);
  fragments.forget(1);
  CHECK(fragments.take_dropped() == 1);
}

TEST_CASE("swift: fragments: one tunnel cannot push out more than its share") {
  SeededRng rng(4);
  Fragments fragments;
  const Bytes frame = random_frame(rng, 3000);
  std::vector<std::vector<Fragment>> quiet;
  for (std::uint64_t i = 0; i < 4; ++i) {
    quiet.push_back(cut(frame, 1000, 10 * i, 2));
    fragments.add(kNow, quiet.back()[0]);
  }
  for (std::uint64_t i = 0; i < 1000; ++i)
    fragments.add(kNow, cut(frame, 1000, 10 * i, 1)[0]);
  CHECK(fragments.take_dropped() == 1000 - Fragments::kFramesPerTunnelMax);
  for (const auto& pieces : quiet) {
    fragments.add(kNow, pieces[1]);
    CHECK(fragments.add(kNow, pieces[2]).has_value());
  }
}

}  // namespace
}  // namespace weft::swift
