// SPDX-License-Identifier: Apache-2.0
// Histories: seeds of hosts that crash, partitions that heal and clients that come and go. While
// it lasts no address is given twice and nothing answered is lost; when the faults stop, all agree.
// WEFT_SIM_SEEDS=FROM..TO runs other seeds.
#include <cstdlib>

#include <doctest/doctest.h>

#include "base/text.h"
#include "tests/sim/world.h"

using namespace weft;
using namespace weft::sim;
using namespace std::chrono_literals;

namespace {

// Two rounds of periodic gossip after the last fault, and the retries of whoever was down long.
constexpr Duration kSettle = 180s;

std::pair<std::uint64_t, std::uint64_t> seeds() {
  const char* given = std::getenv("WEFT_SIM_SEEDS");
  std::string text = given == nullptr ? "1..60" : given;
  auto dots = text.find("..");
  REQUIRE_MESSAGE(dots != std::string::npos, "WEFT_SIM_SEEDS looks like 1..1000");
  return {*parse_u64(text.substr(0, dots)), *parse_u64(text.substr(dots + 2))};
}

void one_fault(World& world) {
  HostId a = world.rng().below(world.size());
  HostId b = (a + 1 + world.rng().below(world.size() - 1)) % world.size();
  switch (world.rng().below(8)) {
    case 0:
      return world.crash(a);
    case 1:
      return world.restart(a);
    case 2:
      return world.cut(a, b, true);
    case 3:
      return world.cut(a, b, false);
    case 4:
      return world.break_connections(a, b);
    case 5:
      return world.free_one(a);
    default:
      return world.allocate(a);
  }
}

void heal(World& world) {
  for (HostId a = 0; a < world.size(); ++a) {
    for (HostId b = a + 1; b < world.size(); ++b)
      world.cut(a, b, false);
    world.restart(a);
  }
}

}  // namespace

TEST_CASE("histories: faults: no address twice, nothing answered is lost, all agree in the end") {
  auto [from, to] = seeds();
  std::uint64_t events = 0;
  std::size_t held = 0;
  for (std::uint64_t seed = from; seed <= to; ++seed) {
    CAPTURE(seed);
    SeededRng shape(seed);
    World world({.seed = seed,
                 .hosts = 2 + shape.below(7),
                 .range = "10.32.0.0/20",
                 .password = shape.below(2) == 0});
    world.run_for(2s);
    for (int i = 0; i < 60 && world.breach().empty(); ++i) {
      one_fault(world);
      world.run_for(std::chrono::milliseconds(50 + world.rng().below(3000)));
    }
    heal(world);
    world.run_for(kSettle);
    REQUIRE_MESSAGE(world.breach().empty(), world.breach());
    for (HostId host = 0; host < world.size(); ++host)
      world.allocate(host);
    world.run_for(30s);
    CHECK_MESSAGE(world.disagreement().empty(), world.disagreement());
    CHECK(world.waiting() == 0);
    REQUIRE_MESSAGE(world.breach().empty(), world.breach());
    events += world.events();
    held += world.held();
  }
  MESSAGE((to - from + 1) << " histories, " << events << " events, " << held << " addresses held");
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
