// SPDX-License-Identifier: Apache-2.0
// One history: a mesh whose shape, faults, clients and operators all follow from one seed; then
// the faults stop, and within a stated time all must agree and every request be answered.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/world.h"

namespace weft::sim {

enum class Fault : std::uint8_t {
  crash,        // SIGKILL; back later with its disk
  power_loss,   // as crash, but nobody is told that the connections are gone
  late_start,   // hosts that join a mesh at work
  partition,    // two halves
  cut,          // two hosts do not hear one another for a while
  one_way,      // one host's words do not reach another
  hidden,       // behind a NAT: can dial, cannot be dialled
  broken_link,  // connections reset
  slow_link,    // a host that sends 20 kB/s
  no_overlay,   // TCP passes between two hosts, UDP does not
  connect,      // operator: weave connect, sometimes --replace
  forget,       // operator: weave forget
  claim,        // clients that want a certain address
  cancel,       // clients that do not wait for the answer
  lost_disk,    // comes back as somebody new
  renamed,      // loses its disk, but is given its name
  old_disk,     // comes back with a copy from earlier
  shared_name,  // a host that uses another's name
  rmpeer,       // operator: weave rmpeer, of whoever is out of reach
  reset,        // operator: weave reset
};
inline constexpr std::size_t kFaultCount = 20;
// From here on faults after which two hosts may rightly think that they own the same address.
inline constexpr Fault kFirstRough = Fault::lost_disk;
std::string_view to_string(Fault fault);

// Gossip goes round every 30 s. So long after the faults have stopped all must agree: a peer may
// have waited minutes to try an address again, as long as the address had been out of reach.
inline constexpr Duration kGossipRound = std::chrono::seconds(30);
inline constexpr int kRoundsToAgree = 10;
inline constexpr int kRoundsToAnswer = 2;

struct Report {
  std::uint64_t seed = 0;
  std::size_t hosts = 0;
  std::uint64_t events = 0;
  std::set<Fault> faults;  // that have happened
  bool disputed = false;   // two hosts came to own an address, by one of the rough faults
  std::size_t mended = 0;  // hosts that an operator had to start over in the end
  int rounds = 0;          // of gossip, until all agreed
  std::string failure;     // empty: none
};

// With a story, what happens is told as it does.
Report play(std::uint64_t seed, std::ostream* story = nullptr);

}  // namespace weft::sim
