// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_address.h"

#include <sys/un.h>

namespace weft::io {

Result<HttpAddress> HttpAddress::parse(std::string_view text) {
  constexpr std::string_view kUnix = "unix://";
  bool unix_url = text.substr(0, kUnix.size()) == kUnix;
  std::string_view path = unix_url ? text.substr(kUnix.size()) : text;
  if (unix_url || (!text.empty() && text.front() == '/')) {
    if (path.empty() || path.front() != '/' || path.size() >= sizeof(sockaddr_un::sun_path)) {
      return Error{.code = Errc::bad_value,
                   .what = "the path of a unix socket is absolute and at most 107 bytes long"};
    }
    return HttpAddress{.where = UnixPath{std::string(path)}};
  }
  std::string full(text);
  if (!full.empty() && full.front() == ':') full = "0.0.0.0" + full;
  if (full.rfind("localhost:", 0) == 0) full.replace(0, 9, "127.0.0.1");
  auto endpoint = Endpoint::parse(full);
  if (!endpoint) {
    return Error{.code = Errc::bad_value,
                 .what = "not an address: it looks like 127.0.0.1:6784 or /run/weave.sock"};
  }
  return HttpAddress{.where = *endpoint};
}

std::string HttpAddress::text() const {
  if (const auto* path = std::get_if<UnixPath>(&where)) return path->path;
  return std::get<Endpoint>(where).text();
}

}  // namespace weft::io
