// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "router/linux/link.h"

namespace weft::linux_net {

// Absence is an answer here, not an error.
inline Result<std::optional<Link>> find_optional(Netlink& nl, std::string_view name) {
  auto link = find_link(nl, name);
  if (link) return std::optional<Link>(std::move(*link));
  if (link.error().code == Errc::not_found) return std::optional<Link>();
  return link.error();
}

}  // namespace weft::linux_net
