// SPDX-License-Identifier: Apache-2.0
// Histories on programs with sanitizers: those that once failed, and some more. scripts/sim plays
// thousands; WEFT_SIM_SEEDS=FROM..TO plays others here.
#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>

#include "base/text.h"
#include "tests/sim/history.h"

using namespace weft;
using namespace weft::sim;
using namespace std::chrono_literals;

namespace {

std::pair<std::uint64_t, std::uint64_t> seeds() {
  const char* given = std::getenv("WEFT_SIM_SEEDS");
  std::string text = given == nullptr ? "1..4" : given;
  auto dots = text.find("..");
  REQUIRE_MESSAGE(dots != std::string::npos, "WEFT_SIM_SEEDS looks like 1..1000");
  return {*parse_u64(text.substr(0, dots)), *parse_u64(text.substr(dots + 2))};
}

}  // namespace

TEST_CASE("histories: faults: promises are kept throughout, and all agree in the end") {
  auto [from, to] = seeds();
  std::uint64_t events = 0;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    CAPTURE(seed);
    Report report = play(seed);
    CHECK_MESSAGE(report.failure.empty(), report.failure);
    events += report.events;
  }
  MESSAGE((to - from + 1) << " histories, " << events << " events");
}

TEST_CASE("histories: replay: a seed is the same history every time") {
  Report first = play(7);
  Report second = play(7);
  CHECK(first.events == second.events);
  CHECK(first.faults == second.faults);
  CHECK(first.rounds == second.rounds);
}

TEST_CASE("histories: exhaustion: a full range is shared to the last address, then refused") {
  World world({.seed = 7, .hosts = 3, .range = "10.32.0.0/26", .password = false});
  world.run_for(3s);
  for (int i = 0; i < 80; ++i) {
    world.allocate(static_cast<HostId>(i % 3));
    world.run_for(500ms);
  }
  world.run_for(60s);
  REQUIRE_MESSAGE(world.breach().empty(), world.breach());
  CHECK(world.held() == 62);
  CHECK(world.waiting() == 0);
}
