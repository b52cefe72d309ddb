// SPDX-License-Identifier: Apache-2.0
// Where an HTTP API listens: an IPv4 address and port, or a unix socket.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/ip.h"
#include "base/result.h"

namespace weft::io {

struct UnixPath {
  std::string path;
  friend bool operator==(const UnixPath&, const UnixPath&) = default;
};

struct HttpAddress {
  std::variant<Endpoint, UnixPath> where;

  // "127.0.0.1:6784", ":6784" (all addresses), "localhost:6784", "/run/weave.sock",
  // "unix:///run/weave.sock".
  static Result<HttpAddress> parse(std::string_view text);
  std::string text() const;
  bool is_unix() const { return std::holds_alternative<UnixPath>(where); }
  friend bool operator==(const HttpAddress&, const HttpAddress&) = default;
};

}  // namespace weft::io
