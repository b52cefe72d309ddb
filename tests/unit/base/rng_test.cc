// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <doctest/doctest.h>

using namespace weft;

TEST_CASE("rng: seeded: the same seed gives the same sequence, another seed another") {
  SeededRng a(1), b(1), c(2);
  CHECK(a.next() == b.next());
  CHECK(a.next() != c.next());
}

TEST_CASE("rng: below: stays below its bound and reaches every value") {
  SeededRng rng(7);
  bool seen[5] = {};
  for (int i = 0; i < 200; ++i) {
    std::uint64_t v = rng.below(5);
    REQUIRE(v < 5);
    seen[v] = true;
  }
  for (bool s : seen)
    CHECK(s);
}
