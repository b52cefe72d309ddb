// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_server.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "router/io/internal/http_session.h"

namespace weft::io {
namespace {

// A connection younger than this is not "idle": its request may be on its way.
constexpr std::chrono::milliseconds kYouth{50};

}  // namespace

void HttpSessions::add(OwnedFd connection, bool local) {
  ++counters.accepted;
  // A client that has vanished without a word is noticed while its request waits for a reply.
  set_option(connection.value(), SOL_SOCKET, SO_KEEPALIVE, 1);
  auto session = make_session(shared_from_this(), std::move(connection), local);
  session->place = sessions.insert(sessions.end(), session);
  session->read();
}

void HttpSessions::forget(const HttpSession& session) {
  if (session.answering()) --answering;
  if (gone) return;
  // What calls us keeps the session alive.
  sessions.erase(session.place);
  retry_accepting();
}

void HttpSessions::rejuvenate(HttpSession& session) {
  session.idle_since = HttpSession::Clock::now();
  sessions.splice(sessions.end(), sessions, session.place);
}

void HttpSessions::retry_accepting() {
  if (!gone) acceptor->resume();
}

bool HttpSessions::has_room() {
  if (answering >= limits.answering_max) return false;  // forget() asks again
  if (sessions.size() - answering < limits.connections_max) return true;
  const auto idle = std::find_if(sessions.begin(), sessions.end(), [](const auto& session) {
    return !session->answering() && !session->has_input();
  });
  if (idle != sessions.end() && HttpSession::Clock::now() - (*idle)->idle_since >= kYouth) {
    ++counters.evicted;
    const auto evicted = *idle;
    evicted->close();
    return true;
  }
  retry.expires_after(kYouth);
  retry.async_wait([self = weak_from_this()](boost::system::error_code cancelled) {
    const auto server = self.lock();
    if (!cancelled && server) server->retry_accepting();
  });
  return false;
}

void HttpSessions::close_all() {
  gone = true;
  acceptor->stop();
  retry.cancel();
  for (const auto& session : std::exchange(sessions, {}))
    session->close();
}

struct HttpServer::State {
  std::shared_ptr<HttpSessions> sessions;
  HttpAddress address;
};

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
  state_->sessions->close_all();
  if (const auto* path = std::get_if<UnixPath>(&state_->address.where)) {
    ::unlink(path->path.c_str());
  }
}

HttpAddress HttpServer::address() const {
  return state_->address;
}
const HttpCounters& HttpServer::counters() const {
  return state_->sessions->counters;
}
std::size_t HttpServer::connections() const {
  return state_->sessions->sessions.size();
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(EventLoop& loop, const HttpAddress& at,
                                                       HttpHandler handler,
                                                       const HttpLimits& limits) {
  const auto* unix_path = std::get_if<UnixPath>(&at.where);
  auto fd = unix_path ? listen_unix(unix_path->path) : listen_tcp(std::get<Endpoint>(at.where));
  if (!fd) return fd.error();
  auto state = std::make_shared<State>();
  state->address = at;
  if (!unix_path) state->address.where = local_endpoint(fd->value());
  auto sessions = std::make_shared<HttpSessions>(loop.context(), std::move(handler), limits);
  state->sessions = sessions;
  const std::weak_ptr<HttpSessions> weak = sessions;
  const bool is_unix = unix_path != nullptr;
  const auto ready = [weak] {
    const auto server = weak.lock();
    return server && server->has_room();
  };
  const auto on_accept = [weak, is_unix](OwnedFd connection) {
    const bool local = is_unix || remote_endpoint(connection.value()).ip.value >> 24 == 127;
    if (const auto server = weak.lock()) server->add(std::move(connection), local);
  };
  sessions->acceptor = std::make_shared<Acceptor>(
      loop.context(), std::move(*fd), Acceptor::Handlers{.ready = ready, .on_accept = on_accept});
  sessions->acceptor->resume();
  return std::make_unique<HttpServer>(std::move(state));
}

}  // namespace weft::io
