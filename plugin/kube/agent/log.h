// SPDX-License-Identifier: Apache-2.0
// Lines to stderr as weaver writes them, since both end in one log.
#pragma once

#include <functional>
#include <string>

#include "base/log.h"

namespace weft::kube {

using Log = std::function<void(const LogLine&)>;

// What is below `least` is dropped.
Log log_to_stderr(LogLevel least);

inline LogLine line(LogLevel level, std::string component, std::string text) {
  return {.level = level,
          .component = std::move(component),
          .peer = {},
          .address = {},
          .text = std::move(text)};
}

}  // namespace weft::kube
