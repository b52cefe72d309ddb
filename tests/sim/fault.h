// SPDX-License-Identifier: Apache-2.0
// What befalls simulated hosts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

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

}  // namespace weft::sim
