// SPDX-License-Identifier: Apache-2.0
// JSON written as YAML, for -o yaml.
#pragma once

#include <string>
#include <string_view>

namespace weft::cli {

// In blocks, members in their order. A text that is not JSON stays as it is.
std::string as_yaml(std::string_view json);

}  // namespace weft::cli
