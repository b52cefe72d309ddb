// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/process_stats.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace weft::daemon {
namespace {

// Fields of /proc/self/stat behind the command name, counted from 0 ("state"); see proc(5).
constexpr std::size_t kUserTicks = 11;
constexpr std::size_t kSystemTicks = 12;
constexpr std::size_t kThreads = 17;
constexpr std::size_t kStartTicks = 19;
constexpr std::size_t kVirtualBytes = 20;
constexpr std::size_t kResidentPages = 21;

std::vector<double> stat_fields() {
  std::ifstream in("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::size_t name_end = text.rfind(')');  // the name may hold blanks and parentheses
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  std::string state;
  rest >> state;
  std::vector<double> fields{0};
  for (double field = 0; rest >> field;)
    fields.push_back(field);
  return fields;
}

double boot_time() {
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("btime ", 0) == 0) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

std::uint64_t open_fds() {
  std::error_code failed;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", failed), end; !failed && it != end;
       it.increment(failed)) {
    ++count;
  }
  return count == 0 ? 0 : count - 1;  // one of them is the descriptor we list with
}

}  // namespace

ProcessStats read_process_stats() {
  ProcessStats stats;
  stats.open_fds = open_fds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  const std::vector<double> fields = stat_fields();
  if (fields.size() <= kResidentPages) return stats;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  stats.cpu_seconds = (fields[kUserTicks] + fields[kSystemTicks]) / ticks;
  stats.start_time_seconds = boot_time() + fields[kStartTicks] / ticks;
  stats.threads = static_cast<std::uint64_t>(fields[kThreads]);
  stats.virtual_bytes = static_cast<std::uint64_t>(fields[kVirtualBytes]);
  stats.resident_bytes = static_cast<std::uint64_t>(fields[kResidentPages]) *
                         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return stats;
}

}  // namespace weft::daemon
