// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_address.h"

#include <variant>

#include <sys/un.h>

namespace weft::io {
namespace {

constexpr std::string_view kUnixScheme = "unix://";
constexpr std::string_view kLocalhost = "localhost:";
constexpr std::size_t kUnixPathMax = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

Result<HttpAddress> HttpAddress::parse(std::string_view text) {
  if (text.starts_with(kUnixScheme)) text.remove_prefix(kUnixScheme.size());
  if (text.starts_with('/')) {
    if (text.size() > kUnixPathMax || text.find('\0') != std::string_view::npos) {
      return Error{Errc::too_large, 0, "a unix socket's path has at most 107 characters"};
    }
    return HttpAddress{UnixPath{std::string(text)}};
  }
  std::string address(text);
  if (text.starts_with(':')) address = "0.0.0.0" + address;
  if (text.starts_with(kLocalhost)) {
    address = "127.0.0.1:" + address.substr(kLocalhost.size());
  }
  const auto endpoint = Endpoint::parse(address);
  if (!endpoint) {
    return Error{Errc::bad_value, 0, "neither ADDRESS:PORT nor the path of a unix socket"};
  }
  return HttpAddress{*endpoint};
}

std::string HttpAddress::text() const {
  if (const auto* path = std::get_if<UnixPath>(&where)) return path->path;
  return std::get<Endpoint>(where).text();
}

}  // namespace weft::io
