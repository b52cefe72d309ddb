// SPDX-License-Identifier: Apache-2.0
// Requests to one HTTP server from the event loop: many at once, each over a connection of its own
// that is kept for the next. Responses come whole, or as streams piece by piece.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "router/io/event_loop.h"
#include "router/io/http.h"
#include "router/io/http_client.h"
#include "router/io/stream_address.h"
#include "router/io/stream_filter.h"

namespace weft::io {

struct HostAndPort {
  std::string host;  // a name, or a literal address without brackets
  std::uint16_t port = 0;
  std::string text() const;  // "host:port"; an IPv6 literal in brackets
};

using HttpPlace = std::variant<HostAndPort, UnixPath>;

struct HttpCallerOptions {
  HttpPlace server;
  // Makes what each new connection speaks through; none: plain HTTP.
  std::function<Result<std::unique_ptr<StreamFilter>>()> filter;
  Duration connect_timeout = std::chrono::seconds(10);  // for each of the server's addresses
  // A connection that was not used for so long is closed: shorter than servers' own patience.
  Duration keep_alive = std::chrono::seconds(30);
  std::size_t calls_max = 64;  // at once; more are refused
  std::size_t kept_max = 4;    // connections that wait for another request
};

class HttpCaller {
 public:
  using CallId = std::uint64_t;

  // One of on_response, on_end, on_failure comes, and last; none after cancel().
  struct Handlers {
    std::function<void(HttpResponse)> on_response;
    // Of a stream: status and headers; the body follows, whatever the status.
    std::function<void(const HttpResponse&)> on_open;
    std::function<void(std::string_view)> on_bytes;
    std::function<void()> on_end;
    // Errors as those of fetch(): a stream that breaks off is truncated. The subject is the server.
    std::function<void(const Failure&)> on_failure;
  };
  struct Call {
    HttpCall what;  // its timeout is for the whole response; of a stream, for silence
    bool stream = false;
  };

  HttpCaller(EventLoop& loop, HttpCallerOptions options);
  HttpCaller(const HttpCaller&) = delete;
  HttpCaller& operator=(const HttpCaller&) = delete;
  ~HttpCaller();  // drops all calls without a callback

  CallId start(Call call, Handlers handlers);
  void cancel(CallId id);
  std::size_t calls() const;  // under way
  std::size_t kept() const;   // connections that wait for another request

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::io
