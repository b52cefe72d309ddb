// SPDX-License-Identifier: Apache-2.0
// Where a byte stream leads: an IPv4 or IPv6 address with a port, or a unix socket.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ip.h"
#include "router/io/http_address.h"

namespace weft::io {

struct Ipv6Endpoint {
  std::array<std::uint8_t, 16> ip{};
  std::uint32_t scope = 0;  // index of the interface that a link-local address belongs to
  std::uint16_t port = 0;
  friend bool operator==(const Ipv6Endpoint&, const Ipv6Endpoint&) = default;
};

struct StreamAddress {
  std::variant<Endpoint, Ipv6Endpoint, UnixPath> where;

  StreamAddress() = default;
  StreamAddress(Endpoint at) : where(at) {}             // NOLINT(google-explicit-constructor)
  StreamAddress(const Ipv6Endpoint& at) : where(at) {}  // NOLINT(google-explicit-constructor)
  StreamAddress(const HttpAddress& at);                 // NOLINT(google-explicit-constructor)

  // A literal address without brackets: "10.96.0.1", "fd00::1", "fe80::1%eth0". Nothing: a name.
  static std::optional<StreamAddress> literal(std::string_view host, std::uint16_t port);
  // "10.96.0.1:443", "[fd00::1]:443", "/run/weave.sock".
  std::string text() const;
  friend bool operator==(const StreamAddress&, const StreamAddress&) = default;
};

}  // namespace weft::io
