// SPDX-License-Identifier: Apache-2.0
#include "router/io/http.h"

namespace weft::io {

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace weft::io
