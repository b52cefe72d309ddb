// SPDX-License-Identifier: Apache-2.0
// A log line as a value: pure machines return these among their effects, and the daemon prints
// them as key=value.
#pragma once

#include <string>

namespace weft {

enum class LogLevel { debug, info, warning, error };

struct LogLine {
  LogLevel level = LogLevel::info;
  std::string component;  // "mesh", "ipam", "sleeve", …
  std::string peer;       // display_name, or empty
  std::string address;    // ip:port, or empty
  std::string text;
};

}  // namespace weft
