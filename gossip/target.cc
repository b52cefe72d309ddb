// SPDX-License-Identifier: Apache-2.0
#include "gossip/target.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace weft::gossip {

namespace {

// Of a DNS name.
constexpr std::size_t kHostMax = 253;

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool looks_numeric(std::string_view host) {
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

Result<Target> Target::parse(std::string_view text) {
  Target target{.text = std::string(text)};
  auto colon = text.find(':');
  auto host = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    auto port_text = text.substr(colon + 1);
    if (port_text.find(':') != std::string_view::npos) {
      return Error{Errc::unsupported, 0, "IPv6 addresses are not supported as peers"};
    }
    auto port = parse_u64(port_text);
    if (!port || *port == 0 || *port > std::numeric_limits<std::uint16_t>::max()) {
      return Error{Errc::bad_value, 0, "the port is not a number from 1 to 65535"};
    }
    target.port = static_cast<std::uint16_t>(*port);
  }
  if (host.empty()) return Error{Errc::bad_value, 0, "the host is missing"};
  if (host.size() > kHostMax) return Error{Errc::too_large, 0, "the host name is too long"};
  if (!std::all_of(host.begin(), host.end(), host_character)) {
    return Error{Errc::bad_value, 0, "the host is neither an IPv4 address nor a name"};
  }
  target.host = std::string(host);
  target.address = Ipv4Addr::parse(host);
  if (!target.address && looks_numeric(host)) {
    return Error{Errc::bad_value, 0, "the host is not a valid IPv4 address"};
  }
  return target;
}

}  // namespace weft::gossip
