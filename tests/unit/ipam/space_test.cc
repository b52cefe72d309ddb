// SPDX-License-Identifier: Apache-2.0
// Interval sets and the local space against models that keep one flag per address.
#include "ipam-crdt/space.h"

#include <array>

#include <doctest/doctest.h>

#include "base/rng.h"

using namespace weft;
using namespace weft::ipam;

namespace {

constexpr std::uint32_t kBase = 0x0a000000;
constexpr std::uint32_t kSize = 200;

IpRange random_range(Rng& rng) {
  auto a = static_cast<std::uint32_t>(rng.below(kSize + 1));
  auto b = static_cast<std::uint32_t>(rng.below(kSize + 1));
  return {{kBase + std::min(a, b)}, {kBase + std::max(a, b)}};
}

class Flags {
 public:
  void set(IpRange range, bool value) {
    for (std::uint32_t a = range.start.value; a < range.end.value; ++a)
      flags_[a - kBase] = value;
  }
  bool at(Ipv4Addr addr) const { return flags_[addr.value - kBase]; }
  std::uint64_t count(IpRange range) const {
    std::uint64_t n = 0;
    for (std::uint32_t a = range.start.value; a < range.end.value; ++a)
      n += at({a}) ? 1 : 0;
    return n;
  }
  std::optional<Ipv4Addr> first(IpRange range) const {
    for (std::uint32_t a = range.start.value; a < range.end.value; ++a) {
      if (at({a})) return Ipv4Addr{a};
    }
    return std::nullopt;
  }

 private:
  std::array<bool, kSize + 1> flags_{};
};

constexpr IpRange kAll{{kBase}, {kBase + kSize}};

void check_same(const IntervalSet& set, const Flags& model) {
  CHECK(set.size() == model.count(kAll));
  std::optional<Ipv4Addr> last_end;
  for (IpRange range : set.ranges()) {
    REQUIRE_FALSE(range.empty());
    CHECK(model.count(range) == range.size());
    if (last_end) CHECK(*last_end < range.start);  // neighbours are joined
    last_end = range.end;
  }
}

}  // namespace

TEST_CASE("interval set: random changes: it holds what a flag per address holds") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRng rng(seed);
    IntervalSet set;
    Flags model;
    for (int i = 0; i < 200; ++i) {
      IpRange range = random_range(rng);
      bool adding = rng.below(2) == 0;
      adding ? set.add(range) : set.remove(range);
      model.set(range, adding);
      check_same(set, model);
      IpRange probe = random_range(rng);
      CHECK(set.size_in(probe) == model.count(probe));
      CHECK(set.first_in(probe) == model.first(probe));
      CHECK(set.intersects(probe) == (model.count(probe) > 0));
      CHECK(set.contains(probe.start) == model.at(probe.start));
      CHECK(IntervalSet(set.ranges_in(probe)).size() == model.count(probe));
    }
  }
}

TEST_CASE("interval set: difference: exactly what is in the one and not in the other") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SeededRng rng(seed);
    IntervalSet a;
    IntervalSet b;
    Flags expected;
    for (int i = 0; i < 10; ++i) {
      IpRange range = random_range(rng);
      a.add(range);
      expected.set(range, true);
    }
    for (int i = 0; i < 10; ++i)
      b.add(random_range(rng));
    for (IpRange range : b.ranges())
      expected.set(range, false);
    check_same(IntervalSet(difference(a, b)), expected);
  }
}

TEST_CASE("space: random histories: allocated, claimed, freed and donated as in a bitmap") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SeededRng rng(seed);
    Space space;
    Flags ours;
    Flags used;
    for (int i = 0; i < 300; ++i) {
      IpRange range = random_range(rng);
      auto unused = [&](Ipv4Addr a) {
        return ours.at(a) && !used.at(a);
      };
      switch (rng.below(6)) {
        case 0: {  // gain or lose: the rest stays as it is
          IntervalSet next = space.owned();
          rng.below(3) > 0 ? next.add(range) : next.remove(range);
          space.set_ranges(next.ranges());
          ours.set(kAll, false);
          for (IpRange r : next.ranges())
            ours.set(r, true);
          for (std::uint32_t a = kBase; a < kBase + kSize; ++a) {
            if (!ours.at({a})) used.set({{a}, {a + 1}}, false);
          }
          break;
        }
        case 1: {
          auto got = space.allocate(range);
          std::optional<Ipv4Addr> expected;
          for (std::uint32_t a = range.start.value; a < range.end.value && !expected; ++a) {
            if (unused({a})) expected = Ipv4Addr{a};
          }
          CHECK(got == expected);
          if (got) used.set({*got, *got + 1}, true);
          break;
        }
        case 2:
          CHECK(space.claim(range.start).has_value() == unused(range.start));
          if (unused(range.start)) used.set({range.start, range.start + 1}, true);
          break;
        case 3:
          CHECK(space.release(range.start).has_value() == used.at(range.start));
          used.set({range.start, range.start + 1}, false);
          break;
        case 4: {
          std::uint64_t free = space.free_in(range);
          auto chunk = space.donate(range);
          CHECK(chunk.has_value() == (free > 0));
          if (!chunk) break;
          CHECK(range.intersection(*chunk) == *chunk);
          CHECK(ours.count(*chunk) == chunk->size());
          CHECK(used.count(*chunk) == 0);
          CHECK((chunk->size() * 2 <= free + 1 || free == 1));  // at most half of it
          ours.set(*chunk, false);
          break;
        }
        default:
          CHECK(space.free_in(range) == ours.count(range) - used.count(range));
          break;
      }
      check_same(space.owned(), ours);
      check_same(space.used(), used);
      CHECK(space.free_count() + space.used_count() == space.owned().size());
    }
  }
}

TEST_CASE("space: biggest block: aligned to its size, and no larger one fits") {
  for (std::uint32_t start = kBase; start < kBase + 70; ++start) {
    for (std::uint32_t end = start + 1; end < kBase + 140; ++end) {
      IpRange range{{start}, {end}};
      IpRange block = biggest_cidr(range);
      std::uint32_t largest = 0;
      for (Cidr cidr : range.cidrs()) {
        largest = std::max(largest, static_cast<std::uint32_t>(cidr.size()));
      }
      REQUIRE(range.intersection(block) == block);
      REQUIRE(block.start.value % block.size() == 0);
      REQUIRE(block.size() == largest);
    }
  }
}
