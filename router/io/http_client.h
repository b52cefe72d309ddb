// SPDX-License-Identifier: Apache-2.0
// One HTTP request, waited for: for the CLI and the CNI plugin, which do nothing else meanwhile.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time_point.h"
#include "router/io/http.h"
#include "router/io/http_address.h"

namespace weft::io {

struct HttpCall {
  std::string method = "GET";
  std::string target = "/";  // path and query, percent-encoded (see http_text.h)
  std::map<std::string, std::string> headers;
  // Sent as a form body (application/x-www-form-urlencoded), unless `body` is set.
  std::vector<std::pair<std::string, std::string>> form;
  std::string body;
  std::optional<Duration> timeout = std::chrono::seconds(30);  // for all of it; none: for ever
  std::uint64_t body_max = 64 * 1024 * 1024;                   // of the response
};

// Any status is a response. Errors:
//   refused    nobody listens there (ECONNREFUSED, ENOENT)
//   system     ETIMEDOUT: no answer in time; EACCES, …: as the kernel says
//   truncated  the connection broke before the response was complete
//   bad_value  what came is not HTTP;  too_large: the body is over body_max
Result<HttpResponse> fetch(const HttpAddress& server, const HttpCall& call);

}  // namespace weft::io
