// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/replay_window.h"

#include <set>

#include <doctest/doctest.h>

#include "base/rng.h"

namespace weft::swift {
namespace {

// All that was ever accepted.
class Model {
 public:
  bool fresh(std::uint64_t counter) const {
    if (!accepted_.empty() && counter + ReplayWindow::kSize <= *accepted_.rbegin()) return false;
    return accepted_.count(counter) == 0;
  }
  void accept(std::uint64_t counter) { accepted_.insert(counter); }

 private:
  std::set<std::uint64_t> accepted_;
};

TEST_CASE("swift: replay window: behaves as a set of all that came, as far back as it reaches") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRng rng(seed);
    ReplayWindow window;
    Model model;
    std::uint64_t around = 0;
    for (int i = 0; i < 20000; ++i) {
      if (rng.below(4) == 0) around += rng.below(rng.below(50) == 0 ? 20000 : 200);
      const std::uint64_t back = rng.below(rng.below(20) == 0 ? 10000 : 300);
      const std::uint64_t counter = around >= back ? around - back : rng.below(64);
      const bool fresh = window.fresh(counter);
      REQUIRE(fresh == model.fresh(counter));
      // Asking is no accepting.
      CHECK(window.fresh(counter) == fresh);
      if (!fresh || rng.below(5) == 0) continue;
      window.accept(counter);
      model.accept(counter);
      CHECK_FALSE(window.fresh(counter));
    }
  }
}

TEST_CASE("swift: replay window: reaches back exactly as far as it says") {
  ReplayWindow window;
  window.accept(100000);
  CHECK(window.fresh(100001 - ReplayWindow::kSize));
  CHECK_FALSE(window.fresh(100000 - ReplayWindow::kSize));
  CHECK(window.next() == 100001);
  static_assert(ReplayWindow::kSize >= 8192);
}

TEST_CASE("swift: replay window: the ends of the number line do not confuse it") {
  ReplayWindow window;
  CHECK(window.fresh(0));
  window.accept(0);
  CHECK_FALSE(window.fresh(0));
  const std::uint64_t last = ReplayWindow::kUnusable - 1;
  CHECK(window.fresh(last));
  window.accept(last);
  CHECK_FALSE(window.fresh(last));
  CHECK_FALSE(window.fresh(0));
  CHECK_FALSE(window.fresh(ReplayWindow::kUnusable));
  CHECK(window.fresh(last - 1));
}

}  // namespace
}  // namespace weft::swift
