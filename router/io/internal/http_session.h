// SPDX-License-Identifier: Apache-2.0
// The HTTP server's inside: who is connected, and who has to give way. A session is one
// connection, in http_session.cc.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>

#include <boost/asio/steady_timer.hpp>

#include "router/io/http_server.h"
#include "router/io/internal/acceptor.h"
#include "router/io/internal/loop_context.h"
#include "router/io/internal/socket.h"

namespace weft::io {

class HttpSession {
 public:
  using Clock = std::chrono::steady_clock;
  using Place = std::list<std::shared_ptr<HttpSession>>::iterator;

  HttpSession() = default;
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;
  virtual ~HttpSession() = default;

  virtual void read() = 0;
  virtual void close() = 0;
  // Waits for our reply.
  virtual bool answering() const = 0;
  // Bytes that came while we were busy with others are a request, not idleness.
  virtual bool has_input() = 0;

  Place place;  // among the server's sessions
  Clock::time_point idle_since = Clock::now();
};

// What sessions know of their server; they keep it alive while a reply is pending.
struct HttpSessions : std::enable_shared_from_this<HttpSessions> {
  HttpSessions(LoopContext& context, HttpHandler request_handler, const HttpLimits& http_limits)
      : loop(context),
        handler(std::move(request_handler)),
        limits(http_limits),
        retry(context.io) {}

  void add(OwnedFd connection, bool local);
  void forget(const HttpSession& session);
  // Has replied: the last of those that have to give way.
  void rejuvenate(HttpSession& session);
  // May one more be accepted? If not, the acceptor is asked to try again when it may.
  bool has_room();
  void retry_accepting();
  void close_all();

  LoopContext& loop;
  HttpHandler handler;
  HttpLimits limits;
  HttpCounters counters;
  std::list<std::shared_ptr<HttpSession>> sessions;  // longest idle first
  std::size_t answering = 0;                         // of them, those that wait for our reply
  std::shared_ptr<Acceptor> acceptor;
  boost::asio::steady_timer retry;
  bool gone = false;
};

std::shared_ptr<HttpSession> make_session(std::shared_ptr<HttpSessions> server, OwnedFd connection,
                                          bool local);

}  // namespace weft::io
