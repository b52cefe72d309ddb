// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 server of the daemon's API. Careful with strangers: sizes, connections and patience
// are bounded, and when all places are taken the connection that was idle longest gives way.
#pragma once

#include <cstdint>
#include <memory>

#include "router/io/event_loop.h"
#include "router/io/http.h"
#include "router/io/http_address.h"

namespace weft::io {

struct HttpLimits {
  std::uint32_t header_max = 16 * 1024;
  std::uint64_t body_max = 1024 * 1024;
  std::size_t connections_max = 256;  // those that wait for our reply are not among them
  std::size_t answering_max = 1024;   // requests that wait for our reply
  Duration idle_timeout = std::chrono::seconds(30);  // for one whole request, or one whole reply
};

struct HttpCounters {
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  std::uint64_t malformed = 0;  // answered with 4xx and closed
  std::uint64_t evicted = 0;    // idle, gave way to another
};

class HttpServer {
 public:
  // A unix socket gets mode 0600 and replaces a stale one; one that somebody serves is a conflict
  // (EADDRINUSE).
  static Result<std::unique_ptr<HttpServer>> listen(EventLoop& loop, const HttpAddress& at,
                                                    HttpHandler handler,
                                                    const HttpLimits& limits = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Closes all connections, without calling abort handlers, and removes its unix socket. Exchanges
  // that wait may outlive the server, but not the loop.
  ~HttpServer();

  HttpAddress address() const;  // with the real port
  const HttpCounters& counters() const;
  std::size_t connections() const;

  struct State;
  explicit HttpServer(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace weft::io
