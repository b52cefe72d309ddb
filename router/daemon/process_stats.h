// SPDX-License-Identifier: Apache-2.0
// What the kernel says of our own process, for the metrics.
#pragma once

#include <cstdint>

namespace weft::daemon {

struct ProcessStats {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double cpu_seconds = 0;         // user and system
  double start_time_seconds = 0;  // since 1970
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
};

// From /proc/self and /proc/stat; what cannot be read stays zero.
ProcessStats read_process_stats();

}  // namespace weft::daemon
