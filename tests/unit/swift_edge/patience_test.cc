// SPDX-License-Identifier: Apache-2.0
// How long a worker looks for work before it sleeps: gladly where looking pays, hardly ever where
// it does not.
#include "router/swift/patience.h"

#include <doctest/doctest.h>

namespace weft::swift {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

// A worker whose turns take a microsecond each, or longer where others want the core: work comes at
// the given distances, and it is woken when it sleeps.
struct Sleeper {
  Patience patience;
  Duration turn = microseconds(1);
  TimePoint now{seconds(1)};
  Duration looked{};
  int slept = 0;

  void work_after(Duration gap) {
    const TimePoint due = now + gap;
    patience.on_work(now);
    while (now < due) {
      if (!patience.look_again(now)) {
        ++slept;
        now = due;
        break;
      }
      now += turn;
      looked += turn;
    }
    patience.on_work(now);
  }
};

TEST_CASE("patience: answers that come soon are waited for awake, once that has proved itself") {
  Sleeper worker;
  for (int i = 0; i < 100'000; ++i)
    worker.work_after(microseconds(20));
  CHECK(worker.slept < 100);
}

TEST_CASE("patience: one soon in two is enough to go on looking") {
  Sleeper worker;
  for (int i = 0; i < 100'000; ++i)
    worker.work_after(i % 2 == 0 ? microseconds(30) : microseconds(2'000));
  CHECK(worker.slept == 50'000);
}

TEST_CASE("patience: where others want the core it is given up at once") {
  Sleeper worker;
  worker.turn = microseconds(300);
  for (int i = 0; i < 10'000; ++i)
    worker.work_after(microseconds(2'000));
  CHECK(worker.slept == 10'000);
  // One look in each series that a trickle allows.
  CHECK(worker.looked < (worker.now - TimePoint(seconds(1))) / 200);
}

TEST_CASE("patience: heartbeats of an idle host cost a trickle") {
  for (const Duration gap : {Duration(microseconds(700)), Duration(seconds(1))}) {
    Sleeper worker;
    const TimePoint start = worker.now;
    for (int i = 0; i < 50'000; ++i)
      worker.work_after(gap);
    CHECK(worker.slept == 50'000);
    CHECK(worker.looked < (worker.now - start) / 10'000);
  }
}

}  // namespace
}  // namespace weft::swift
