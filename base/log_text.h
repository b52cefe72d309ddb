// SPDX-License-Identifier: Apache-2.0
// A log line as text.
#pragma once

#include <string>

#include "base/log.h"

namespace weft {

// "component=mesh peer=… addr=… msg=\"…\"": what follows time and level; quotes and control
// characters in peers' texts are escaped, so nobody forges a line.
std::string format_log_line(const LogLine& line);

}  // namespace weft
