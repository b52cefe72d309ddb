// SPDX-License-Identifier: Apache-2.0
// HTTP as values: what a request handler sees and answers. The server and the client are in
// http_server and http_client; nothing outside router/io sees Beast or Asio.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::io {

struct HttpRequest {
  std::string method;                 // "GET", …
  std::string path;                   // percent-decoded, without the query
  std::vector<std::string> segments;  // of the path: "/ip/c1" → {"ip", "c1"}
  // Parameters of the query and of a form body, in order; repeated names are kept.
  std::vector<std::pair<std::string, std::string>> parameters;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool local = false;  // came over loopback or the unix socket: may write

  // The first value of a parameter.
  std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::map<std::string, std::string> headers;
};

// One request waiting for its answer, now or later. Dropping it unanswered sends a 500.
class HttpExchange {
 public:
  HttpExchange() = default;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;
  virtual ~HttpExchange() = default;
  virtual const HttpRequest& request() const = 0;
  virtual void reply(HttpResponse response) = 0;  // once; later calls are ignored
  // Called if the client goes away before the reply.
  virtual void on_abort(std::function<void()> handler) = 0;
};

using HttpHandler = std::function<void(std::shared_ptr<HttpExchange>)>;

}  // namespace weft::io
