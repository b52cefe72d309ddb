// SPDX-License-Identifier: Apache-2.0
// The program weave.
#include <cstdlib>
#include <iostream>

#include "router/cli/run.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  auto variable = [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
  return static_cast<int>(weft::cli::run(arguments, variable, std::cout, std::cerr));
}
