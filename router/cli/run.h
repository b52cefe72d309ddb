// SPDX-License-Identifier: Apache-2.0
// The whole program but for main(): parses a command line and runs the command.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "router/cli/context.h"

namespace weft::cli {

// `arguments` without the program's name.
ExitCode run(const std::vector<std::string>& arguments, const Variables& variable,
             std::ostream& out, std::ostream& err);

}  // namespace weft::cli
