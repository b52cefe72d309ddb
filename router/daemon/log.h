// SPDX-License-Identifier: Apache-2.0
// Log lines for people and for grep: one per event, key=value, to stderr.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"

namespace weft::daemon {

void start_log(LogLevel level);
void log(const LogLine& line);
void log(LogLevel level, std::string_view component, std::string text);

// "component=mesh peer=… addr=… msg=\"…\"": what follows time and level. Pure; quotes and control
// characters in peers' texts are escaped, so nobody forges a line.
std::string format_log_line(const LogLine& line);

}  // namespace weft::daemon
