// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_server.h"

#include <array>
#include <list>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "router/io/http_text.h"
#include "router/io/internal/loop_context.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using boost::system::error_code;
using Request = http::request<http::string_body>;

constexpr std::chrono::milliseconds kAcceptRetry{100};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

// False: the target or the form is malformed.
bool convert(Request&& from, HttpRequest& into) {
  into.method = std::string(from.method_string());
  if (!parse_target(from.target(), into)) return false;
  for (const auto& field : from)
    into.headers[lower(field.name_string())] = field.value();
  into.body = std::move(from.body());
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  auto type = into.headers.find("content-type");
  if (type == into.headers.end() || type->second.rfind(kForm, 0) != 0) return true;
  auto form = parse_form(into.body);
  if (!form) return false;
  for (auto& parameter : *form)
    into.parameters.push_back(std::move(parameter));
  return into.parameters.size() <= kParametersMax;
}

// What a connection can be asked whatever it runs over.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;
  virtual void close() = 0;
  virtual bool awaiting_reply() const = 0;
};

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(asio::io_context& c, HttpHandler h, const HttpLimits& l)
      : context(c),
        handler(std::move(h)),
        limits(l),
        tcp_acceptor(c),
        local_acceptor(c),
        retry(c) {}

  template <class Acceptor>
  void accept(Acceptor& acceptor);
  // Makes room for one more; false if every place is taken by a request that waits for a reply.
  bool make_room();
  void add(const std::shared_ptr<Session>& session) { sessions.push_back(session); }
  void remove(const Session* session) {
    sessions.remove_if([&](const auto& s) { return s.get() == session; });
  }

  asio::io_context& context;
  HttpHandler handler;
  HttpLimits limits;
  HttpCounters counters;
  std::list<std::shared_ptr<Session>> sessions;  // oldest first
  tcp::acceptor tcp_acceptor;
  Local::acceptor local_acceptor;
  asio::steady_timer retry;
  HttpAddress address;
  bool closed = false;
};

namespace {

template <class Protocol>
class Connection final : public Session, public std::enable_shared_from_this<Connection<Protocol>> {
 public:
  Connection(typename Protocol::socket socket, std::shared_ptr<HttpServer::State> server,
             bool local)
      : stream_(std::move(socket)), server_(std::move(server)), local_(local) {}

  void start() { read(); }

  void close() override {
    closed_ = true;
    error_code ignored;
    stream_.socket().close(ignored);
  }
  bool awaiting_reply() const override { return awaiting_; }

 private:
  class Exchange;

  void finish() {
    close();
    server_->remove(this);
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(server_->limits.header_max);
    parser_->body_limit(server_->limits.body_max);
    stream_.expires_after(server_->limits.idle_timeout);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](error_code ec, std::size_t) { self->on_read(ec); });
  }

  void on_read(error_code ec) {
    if (closed_ || ec == http::error::end_of_stream) return finish();
    if (ec == http::error::header_limit || ec == http::error::body_limit) {
      return refuse(413, "the request is too large\n");
    }
    if (ec.category() == http::make_error_code(http::error::bad_version).category()) {
      return refuse(400, "not a valid HTTP request\n");
    }
    if (ec) return finish();
    keep_alive_ = parser_->keep_alive();
    HttpRequest request;
    request.local = local_;
    if (!convert(parser_->release(), request)) {
      return refuse(400, "malformed request target or form\n");
    }
    ++server_->counters.requests;
    hand_over(std::move(request));
  }

  void hand_over(HttpRequest request);

  void refuse(unsigned status, std::string text) {
    ++server_->counters.malformed;
    keep_alive_ = false;
    write({.status = status, .body = std::move(text), .headers = {}});
  }

  void write(HttpResponse response) {
    response_ = {};
    response_.version(11);
    response_.result(response.status);
    if (response.status != 204) response_.set(http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers)
      response_.set(name, value);
    response_.keep_alive(keep_alive_);
    response_.body() = std::move(response.body);
    response_.prepare_payload();
    stream_.expires_after(server_->limits.idle_timeout);
    http::async_write(stream_, response_,
                      [self = this->shared_from_this()](error_code ec, std::size_t) {
                        if (ec || !self->keep_alive_ || self->closed_) return self->finish();
                        self->read();
                      });
  }

  // While a reply is pending, end of file means that the client gave up.
  void watch_for_abort(std::weak_ptr<Exchange> exchange) {
    stream_.socket().async_wait(Protocol::socket::wait_read, [self = this->shared_from_this(),
                                                              exchange](error_code ec) {
      auto waiting = exchange.lock();
      if (ec || !waiting || !self->awaiting_) return;
      char byte = 0;
      ssize_t n = ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (n != 0 && !(n < 0 && errno != EAGAIN)) return;
      waiting->abort();
      self->finish();
    });
  }

  beast::basic_stream<Protocol> stream_;
  std::shared_ptr<HttpServer::State> server_;
  bool local_;
  bool closed_ = false;
  bool awaiting_ = false;
  bool keep_alive_ = false;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

template <class Protocol>
class Connection<Protocol>::Exchange final : public HttpExchange {
 public:
  Exchange(HttpRequest request, std::shared_ptr<Connection> connection)
      : request_(std::move(request)), connection_(std::move(connection)) {}
  ~Exchange() override { send({.status = 500, .body = "no answer was made\n", .headers = {}}); }

  const HttpRequest& request() const override { return request_; }
  void reply(HttpResponse response) override { send(std::move(response)); }
  void on_abort(std::function<void()> handler) override { on_abort_ = std::move(handler); }

  void abort() {
    connection_.reset();
    if (auto handler = std::exchange(on_abort_, nullptr)) handler();
  }

 private:
  void send(HttpResponse response) {
    auto connection = std::exchange(connection_, nullptr);
    on_abort_ = nullptr;
    if (!connection) return;
    connection->awaiting_ = false;
    if (connection->closed_) return connection->finish();
    connection->write(std::move(response));
  }

  HttpRequest request_;
  std::shared_ptr<Connection> connection_;
  std::function<void()> on_abort_;
};

template <class Protocol>
void Connection<Protocol>::hand_over(HttpRequest request) {
  awaiting_ = true;
  stream_.expires_never();
  auto exchange = std::make_shared<Exchange>(std::move(request), this->shared_from_this());
  watch_for_abort(exchange);
  server_->handler(std::move(exchange));
}

bool is_local(const tcp::socket& socket) {
  error_code ec;
  auto remote = socket.remote_endpoint(ec);
  return !ec && remote.address().is_loopback();
}
bool is_local(const Local::socket&) {
  return true;
}

}  // namespace

template <class Acceptor>
void HttpServer::State::accept(Acceptor& acceptor) {
  using Protocol = typename Acceptor::protocol_type;
  acceptor.async_accept(
      [self = shared_from_this(), &acceptor](error_code ec, typename Protocol::socket socket) {
        if (self->closed) return;
        if (ec) {
          self->retry.expires_after(kAcceptRetry);
          self->retry.async_wait([self, &acceptor](error_code cancelled) {
            if (!cancelled && !self->closed) self->accept(acceptor);
          });
          return;
        }
        ++self->counters.accepted;
        if (self->make_room()) {
          bool local = is_local(socket);
          auto session = std::make_shared<Connection<Protocol>>(std::move(socket), self, local);
          self->add(session);
          session->start();
        } else {
          ++self->counters.turned_away;
        }
        self->accept(acceptor);
      });
}

bool HttpServer::State::make_room() {
  std::size_t waiting = 0;
  for (const auto& session : sessions)
    waiting += session->awaiting_reply() ? 1U : 0U;
  // Requests that wait for an answer (an address, a ring) are clients that must not be cut off;
  // there may be several times more of them than of idle ones.
  if (waiting >= 16 * limits.connections_max) return false;
  if (sessions.size() - waiting < limits.connections_max) return true;
  for (const auto& session : sessions) {
    if (session->awaiting_reply()) continue;
    auto oldest = session;
    oldest->close();
    remove(oldest.get());
    ++counters.evicted;
    return true;
  }
  return false;
}

namespace {

// A socket file that nobody serves is left over from a crash and goes away.
Result<> clear_path(const std::string& path, asio::io_context& context) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return Error{.code = Errc::conflict, .sys_errno = EEXIST, .what = "not a socket, left alone"};
  }
  Local::socket probe(context);
  error_code ec;
  probe.connect(Local::endpoint(path), ec);
  if (!ec) {
    return Error{
        .code = Errc::conflict, .sys_errno = EADDRINUSE, .what = "somebody serves this socket"};
  }
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(EventLoop& loop, const HttpAddress& at,
                                                       HttpHandler handler,
                                                       const HttpLimits& limits) {
  auto state = std::make_shared<State>(loop.context().context, std::move(handler), limits);
  state->address = at;
  error_code ec;
  if (const auto* path = std::get_if<UnixPath>(&at.where)) {
    if (auto clear = clear_path(path->path, state->context); !clear) return clear.error();
    state->local_acceptor.open(Local(), ec);
    mode_t old_mask = ::umask(0177);
    if (!ec) state->local_acceptor.bind(Local::endpoint(path->path), ec);
    ::umask(old_mask);
    if (!ec) state->local_acceptor.listen(asio::socket_base::max_listen_connections, ec);
    if (ec) return failure(ec, "cannot listen on the unix socket");
    state->accept(state->local_acceptor);
    return std::make_unique<HttpServer>(std::move(state));
  }
  Endpoint to = std::get<Endpoint>(at.where);
  state->tcp_acceptor.open(tcp::v4(), ec);
  if (!ec) state->tcp_acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) state->tcp_acceptor.bind({asio::ip::address_v4(to.ip.value), to.port}, ec);
  if (!ec) state->tcp_acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return failure(ec, "cannot listen");
  state->address = {.where =
                        Endpoint{.ip = to.ip, .port = state->tcp_acceptor.local_endpoint().port()}};
  state->accept(state->tcp_acceptor);
  return std::make_unique<HttpServer>(std::move(state));
}

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() {
  state_->closed = true;
  error_code ignored;
  state_->retry.cancel();
  state_->tcp_acceptor.close(ignored);
  state_->local_acceptor.close(ignored);
  for (const auto& session : std::exchange(state_->sessions, {}))
    session->close();
  if (const auto* path = std::get_if<UnixPath>(&state_->address.where)) {
    ::unlink(path->path.c_str());
  }
}

HttpAddress HttpServer::address() const {
  return state_->address;
}
const HttpCounters& HttpServer::counters() const {
  return state_->counters;
}
std::size_t HttpServer::connections() const {
  return state_->sessions.size();
}

}  // namespace weft::io
