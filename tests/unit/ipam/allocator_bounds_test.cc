// SPDX-License-Identifier: Apache-2.0
// What an allocator costs: nothing when idle, and bounded memory however much it gives out.
#include <malloc.h>

#include "tests/unit/ipam/solo.h"

// Of the address sanitizer, if the program is built with it; mallinfo2() knows nothing then.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

using namespace weft;
using namespace weft::ipam;
using namespace weft::ipam::test;

namespace {

bool is_sanitized() {
  return __sanitizer_get_current_allocated_bytes != nullptr;
}

std::size_t allocated_bytes() {
  return is_sanitized() ? __sanitizer_get_current_allocated_bytes() : mallinfo2().uordblks;
}

}  // namespace

TEST_CASE("allocator: idle: nothing is due, said or stored, whatever it hears again") {
  Solo solo({.init = kBoth});
  solo.allocate("a");
  Effects effects;
  TimePoint later{std::chrono::hours(5)};
  CHECK_FALSE(solo->next_deadline().has_value());
  solo->on_deadline(later, effects);
  CHECK(effects.empty());
  Bytes state = solo->state(later);
  CHECK(solo->on_gossip(later, state, effects).has_value());
  CHECK(effects.empty());
  CHECK_FALSE(solo->next_deadline().has_value());
}

TEST_CASE("allocator: many addresses: some hundred bytes for each, and all come back") {
  const std::size_t count = is_sanitized() ? 20000 : 100000;  // the same in a fifth of the time
  constexpr std::size_t kBytesEach = 600;  // two table entries, their strings, and what is stored
  Solo solo({.universe = "10.32.0.0/12"});
  solo.allocate("warm");
  solo.quiet();
  std::size_t before = allocated_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    if (!Cidr::parse(solo.allocate("c" + std::to_string(i)))) FAIL("no address at " << i);
  }
  CHECK(solo->status().active == count + 1);
  CHECK(solo->status().entries.size() == 1);
  CHECK(allocated_bytes() - before < count * kBytesEach);
  for (std::size_t i = 0; i < count; ++i) {
    if (!solo.release("c" + std::to_string(i)).empty()) FAIL("not released: " << i);
  }
  CHECK(solo->status().active == 1);
  CHECK(solo->status().entries.at(0).free == (1U << 20) - 1);
  CHECK(allocated_bytes() < before + (1U << 20));
}
