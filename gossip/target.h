// SPDX-License-Identifier: Apache-2.0
// A peer to connect to, as an operator writes it: "host[:port]".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace weft::gossip {

struct Target {
  std::string text;                   // as given: what "forget" must repeat
  std::string host;                   // an IPv4 address or a name
  std::optional<Ipv4Addr> address;    // of a host that is no name
  std::optional<std::uint16_t> port;  // as given; else the mesh's own port is meant

  // The error says what is wrong with this target; the caller names it.
  static Result<Target> parse(std::string_view text);
};

}  // namespace weft::gossip
