// SPDX-License-Identifier: Apache-2.0
// One call of the CNI plugin, from environment and configuration to what is printed. main() only
// reads stdin and prints; tests call this in process.
#pragma once

#include <string>
#include <string_view>

#include "plugin/cni/core/environment.h"
#include "plugin/cni/deadline.h"

namespace weft::cni {

struct Invocation {
  Role role = Role::network;
  Lookup variable;               // of the environment
  std::string_view config_text;  // stdin
  int stdin_errno = 0;           // why it could not be read
  Timeouts timeouts{};
};

struct Reply {
  int exit_code = 0;
  std::string out;  // for stdout: JSON or nothing
  std::string log;  // for stderr: lines for the runtime's log
};

Reply run_plugin(const Invocation& invocation);

// What a person gets who calls the program by hand.
std::string explanation(Role role);

}  // namespace weft::cni
