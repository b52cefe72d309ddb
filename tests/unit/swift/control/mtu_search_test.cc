// SPDX-License-Identifier: Apache-2.0
// The search for a path's MTU against a path that simply drops what is too large.
#include "router/swift/core/mtu_search.h"

#include <doctest/doctest.h>

#include "base/rng.h"

using namespace weft;
using namespace weft::swift;
using namespace std::chrono_literals;

namespace {

struct Run {
  explicit Run(int ceiling) : search(ceiling) {}

  // Probes are answered at once, if at all.
  void run_for(Duration d) {
    const TimePoint end = now + d;
    while (search.next_deadline() && *search.next_deadline() <= end) {
      now = std::max(now, *search.next_deadline());
      std::vector<int> probes;
      search.on_deadline(now, probes);
      REQUIRE((!search.next_deadline() || *search.next_deadline() > now));
      sent += static_cast<int>(probes.size());
      for (const int size : probes) {
        largest = std::max(largest, size);
        if (size <= path && rng.unit() >= loss) search.on_echo(now, size);
      }
    }
    now = end;
  }

  MtuSearch search;
  int path = 1500;
  double loss = 0;
  SeededRng rng{1};
  TimePoint now{1h};
  int sent = 0;
  int largest = 0;
};

}  // namespace

TEST_CASE("swift mtu: search: every path is found to four bytes, none is overrated") {
  for (const int ceiling : {1500, 1550, 9001, 65535}) {
    for (int path = MtuSearch::kFloor; path <= std::min(ceiling + 40, 9400);
         path += path < 1600 ? 7 : 211) {
      CAPTURE(ceiling);
      CAPTURE(path);
      Run run(ceiling);
      run.path = path;
      run.search.start(run.now);
      run.run_for(20s);
      const int best = std::min(path, ceiling);
      REQUIRE(run.search.known());
      REQUIRE(run.search.mtu() <= best);
      REQUIRE(run.search.mtu() + MtuSearch::kPrecision >= best);
      REQUIRE(run.largest <= ceiling);
    }
  }
}

TEST_CASE("swift mtu: search: usual sizes are known exactly, and before the second round ends") {
  for (const int path : {1280, 1400, 1420, 1450, 1492, 1500, 8951, 9000}) {
    Run run(9001);
    run.path = path;
    run.search.start(run.now);
    run.run_for(1ms);
    CHECK(run.search.mtu() == path);
    run.run_for(300ms);
    CHECK(run.search.known());
    run.run_for(20s);
    CHECK(run.search.mtu() == path);
  }
}

TEST_CASE("swift mtu: search: half the probes lost still give a size that arrives") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Run run(1500);
    run.rng.next();
    run.loss = 0.5;
    for (std::uint64_t i = 0; i < seed; ++i)
      run.rng.next();
    run.search.start(run.now);
    run.run_for(60s);
    CHECK(run.search.mtu() <= 1500);
    CHECK(run.search.mtu() >= MtuSearch::kFloor);
  }
}

TEST_CASE(
    "swift mtu: change: a path that narrows is noticed in ten seconds, one that widens, too") {
  // Whenever it happens between two checks.
  for (auto since_check = 0ms; since_check <= MtuSearch::kCheckInterval; since_check += 250ms) {
    CAPTURE(since_check.count());
    Run run(1500);
    run.search.start(run.now);
    run.run_for(10s + since_check);
    REQUIRE(run.search.mtu() == 1500);
    run.path = 1400;
    run.run_for(10s);
    CHECK(run.search.mtu() == 1400);
    run.path = 1500;
    run.run_for(MtuSearch::kSearchInterval + 1s);
    CHECK(run.search.mtu() == 1500);
  }
}

TEST_CASE("swift mtu: kernel: its word holds at once, and is not overrated") {
  Run run(1500);
  run.search.start(run.now);
  run.run_for(10s);
  run.path = 1300;
  CHECK(run.search.on_too_big(run.now, 1450));
  CHECK(run.search.mtu() == 1450);
  CHECK_FALSE(run.search.on_too_big(run.now, 1480));
  run.run_for(5s);
  CHECK(run.search.mtu() <= 1300);
  CHECK(run.search.mtu() >= 1297);
  CHECK(run.search.on_too_big(run.now, 10));
  CHECK(run.search.mtu() == MtuSearch::kFloor);
}

TEST_CASE("swift mtu: narrow: a path below 576 is never known, and asked about all the same") {
  Run run(1500);
  run.path = 500;
  run.search.start(run.now);
  run.run_for(60s);
  CHECK_FALSE(run.search.known());
  run.path = 1500;
  run.run_for(10s);
  CHECK(run.search.known());
  CHECK(run.search.mtu() == 1500);
}

TEST_CASE("swift mtu: cost: a settled path is probed about once in five seconds") {
  Run run(1500);
  run.search.start(run.now);
  run.run_for(10s);
  run.sent = 0;
  run.run_for(120s);
  CHECK(run.sent <= 30);
  run.search.stop();
  CHECK_FALSE(run.search.next_deadline().has_value());
}
