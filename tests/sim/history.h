// SPDX-License-Identifier: Apache-2.0
// One history: a mesh whose shape, faults, clients and operators all follow from one seed; then
// the faults stop, and within a stated time all must agree and every request be answered.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/fault.h"
#include "tests/sim/world.h"

namespace weft::sim {

// Gossip goes round every 30 s. So long after the faults have stopped all must agree: a peer may
// have waited minutes to try an address again, as long as the address had been out of reach.
inline constexpr Duration kGossipRound = std::chrono::seconds(30);
inline constexpr int kRoundsToAgree = 10;
inline constexpr int kRoundsToAnswer = 2;

struct Report {
  std::uint64_t seed = 0;
  std::size_t hosts = 0;
  std::uint64_t events = 0;
  std::set<Fault> faults;  // that have made a difference
  bool rough = false;      // one of the rough ones was tried
  std::optional<std::size_t> conn_limit;
  bool disputed = false;   // two hosts came to own an address, by one of the rough faults
  std::size_t mended = 0;  // hosts that an operator had to start over in the end
  int rounds = 0;          // of gossip, until all agreed
  std::string failure;     // empty: none
};

// With a story, what happens is told as it does.
Report play(std::uint64_t seed, std::ostream* story = nullptr);

}  // namespace weft::sim
