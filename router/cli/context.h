// SPDX-License-Identifier: Apache-2.0
// What every command gets: where to print, how, and where the daemon is. Values, so that tests run
// whole commands in process.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/time_point.h"

namespace weft::cli {

// Documented in docs/cli.md; scripts depend on them.
enum class ExitCode { done = 0, failed = 1, usage = 2, degraded = 3 };

using Variables = std::function<std::optional<std::string>(std::string_view name)>;

struct Context {
  std::ostream& out;
  std::ostream& err;
  Variables variable;  // of the environment
  std::string http_addr;
  std::string status_addr;  // empty: none; asked for reading when http_addr does not answer
  bool json = false;        // -o json, or yaml, which is made of it

  // Prints "weave: …" and says failed.
  ExitCode fail(const std::string& why) const;
  std::string variable_or(std::string_view name, std::string_view otherwise) const;
};

}  // namespace weft::cli
