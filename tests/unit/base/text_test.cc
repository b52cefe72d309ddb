// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <set>

#include <doctest/doctest.h>

using namespace weft;

TEST_CASE("text: short digest: of the stated size, in [0-9a-v], and seldom the same") {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string digest = short_digest("pod-" + std::to_string(i), 7);
    CHECK(digest.size() == 7);
    CHECK(digest.find_first_not_of("0123456789abcdefghijklmnopqrstuv") == std::string::npos);
    seen.insert(digest);
  }
  // 35 bits: two of 10,000 are the same with a chance of 1 in 700.
  CHECK(seen.size() == 10'000);
  CHECK(short_digest("a", 7) == short_digest("a", 7));
  CHECK(short_digest("", 3).size() == 3);
}
