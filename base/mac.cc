// SPDX-License-Identifier: Apache-2.0
#include "base/mac.h"

namespace weft {

std::optional<MacAddr> MacAddr::parse(std::string_view text) {
  if (text.find("::") != std::string_view::npos) return std::nullopt;
  auto name = PeerName::parse(text);
  if (!name) return std::nullopt;
  return MacAddr{name->value()};
}

}  // namespace weft
