// SPDX-License-Identifier: Apache-2.0
// Log lines for people and for grep: one per event, key=value, to stderr.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/log_text.h"

namespace weft::daemon {

void start_log(LogLevel level);
void log(const LogLine& line);
void log(LogLevel level, std::string_view component, std::string text);

}  // namespace weft::daemon
