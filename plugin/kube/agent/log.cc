// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/log.h"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/log_text.h"

namespace weft::kube {
namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

std::string time_stamp() {
  using std::chrono::microseconds;
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<microseconds>(since).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}", fmt::localtime(us / 1000000), us % 1000000);
}

}  // namespace

Log log_to_stderr(LogLevel least) {
  return [least](const LogLine& line) {
    if (line.level < least) return;
    const std::string text = time_stamp() + " level=" + std::string(name_of(line.level)) + " " +
                             format_log_line(line) + "\n";
    // Whole lines, since weaver writes to the same place; a log that is full is no reason to end.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  };
}

}  // namespace weft::kube
