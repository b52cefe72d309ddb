// SPDX-License-Identifier: Apache-2.0
#include "router/io/internal/http_session.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <utility>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "router/io/http_text.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Clock = HttpSession::Clock;
using Stream = asio::generic::stream_protocol::socket;

constexpr std::string_view kForm = "application/x-www-form-urlencoded";
// How long a client that we close on has to read our last reply.
constexpr std::chrono::seconds kLinger{2};

HttpRequest convert(http::request<http::string_body>&& from) {
  HttpRequest request;
  request.method = std::string(from.method_string());
  for (const auto& header : from) {
    std::string name(header.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string& value = request.headers[name];
    if (!value.empty()) value += ", ";
    value += std::string(header.value());
  }
  request.body = std::move(from.body());
  return request;
}

// False: malformed.
bool fill_in(std::string_view target, HttpRequest& request) {
  if (!parse_target(target, request)) return false;
  const auto type = request.headers.find("content-type");
  if (type == request.headers.end() || !type->second.starts_with(kForm)) return true;
  auto form = parse_form(request.body);
  if (!form) return false;
  // As in Go's FormValue, the body comes before the query.
  form->insert(form->end(), request.parameters.begin(), request.parameters.end());
  request.parameters = std::move(*form);
  return true;
}

unsigned status_of(const ErrorCode& failed) {
  if (failed == http::error::header_limit) return 431;
  if (failed == http::error::body_limit) return 413;
  return 400;
}

// reading → answering → writing → reading (keep-alive) …, or closed
class Session : public HttpSession, public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<HttpSessions> server, OwnedFd fd, bool local)
      : server_(std::move(server)),
        stream_(server_->loop.io),
        deadline_(server_->loop.io),
        local_(local) {
    int family = AF_INET;
    socklen_t size = sizeof family;
    ::getsockopt(fd.value(), SOL_SOCKET, SO_DOMAIN, &family, &size);
    stream_.assign(asio::generic::stream_protocol(family, 0), fd.release());
  }

  void read() override;
  void close() override;
  void reply(HttpResponse response);
  void on_abort(std::function<void()> handler) { abort_ = std::move(handler); }

  bool answering() const override { return answering_; }
  bool has_input() override {
    int waiting = 0;
    return ::ioctl(stream_.native_handle(), FIONREAD, &waiting) == 0 && waiting > 0;
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  void on_header(ErrorCode failed);
  void read_body();
  void on_request(ErrorCode failed);
  void refuse(const ErrorCode& failed);
  void hand_over();
  void watch_for_abort();
  void write();
  void linger();
  void drain();
  void arm_deadline(Duration patience);

  std::shared_ptr<HttpSessions> server_;
  Stream stream_;
  asio::steady_timer deadline_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  http::response<http::string_body> response_;
  std::function<void()> abort_;
  bool local_;
  bool answering_ = false;
  bool head_ = false;
  bool keep_alive_ = false;
};

// What the handler holds. Belongs to one request: a late reply cannot answer the next one.
class Exchange : public HttpExchange {
 public:
  Exchange(std::shared_ptr<Session> session, HttpRequest request)
      : session_(std::move(session)), request_(std::move(request)) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() override {
    if (session_) {
      reply({.status = 500, .body = "the request was dropped\n", .headers = {}});
    }
  }

  const HttpRequest& request() const override { return request_; }
  void reply(HttpResponse response) override {
    if (const auto session = std::exchange(session_, nullptr)) session->reply(std::move(response));
  }
  void on_abort(std::function<void()> handler) override {
    if (session_) session_->on_abort(std::move(handler));
  }

 private:
  std::shared_ptr<Session> session_;
  HttpRequest request_;
};

void Session::arm_deadline(Duration patience) {
  deadline_.expires_after(patience);
  deadline_.async_wait([self = shared_from_this()](ErrorCode cancelled) {
    // One that was due just before it was put off comes all the same.
    if (cancelled || self->answering_ || self->deadline_.expiry() > Clock::now()) return;
    self->close();
  });
}

void Session::close() {
  if (!stream_.is_open()) return;
  deadline_.cancel();
  ErrorCode ignored;
  stream_.close(ignored);
  server_->forget(*this);
  const auto abort = std::exchange(abort_, nullptr);
  if (abort && !server_->gone) abort();
}

// Each step has the event loop begin the next one: a circle in the text, none on the stack.
// NOLINTBEGIN(misc-no-recursion)
void Session::read() {
  parser_.emplace();
  parser_->header_limit(server_->limits.header_max);
  parser_->body_limit(server_->limits.body_max);
  idle_since = Clock::now();
  arm_deadline(server_->limits.idle_timeout);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode failed, std::size_t) { self->on_header(failed); });
}

void Session::on_header(ErrorCode failed) {
  if (failed) return refuse(failed);
  if (!boost::beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
    return read_body();
  }
  auto go_on = std::make_shared<http::response<http::empty_body>>(http::status::continue_, 11);
  http::async_write(stream_, *go_on,
                    [self = shared_from_this(), go_on](ErrorCode broken, std::size_t) {
                      if (broken) return self->close();
                      self->read_body();
                    });
}

void Session::read_body() {
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](ErrorCode failed, std::size_t) { self->on_request(failed); });
}

void Session::on_request(ErrorCode failed) {
  if (failed) return refuse(failed);
  if (!stream_.is_open()) return;
  hand_over();
}

// The client left, or what it sent is not a request that we take.
void Session::refuse(const ErrorCode& failed) {
  if (!stream_.is_open()) return;
  if (failed == http::error::end_of_stream ||
      failed.category() == asio::error::get_system_category() || failed == asio::error::eof ||
      failed == http::error::partial_message) {
    return close();
  }
  ++server_->counters.malformed;
  keep_alive_ = false;
  head_ = false;
  response_ = {};
  response_.result(status_of(failed));
  response_.set(http::field::content_type, "text/plain; charset=utf-8");
  response_.body() = failed.message() + "\n";
  write();
}

void Session::hand_over() {
  http::request<http::string_body> from = parser_->release();
  keep_alive_ = from.keep_alive();
  head_ = from.method() == http::verb::head;
  const std::string target(from.target());
  HttpRequest request = convert(std::move(from));
  request.local = local_;
  if (!fill_in(target, request)) {
    return refuse(http::make_error_code(http::error::bad_target));
  }
  ++server_->counters.requests;
  ++server_->answering;
  answering_ = true;
  deadline_.cancel();
  watch_for_abort();
  server_->retry_accepting();
  server_->handler(std::make_shared<Exchange>(shared_from_this(), std::move(request)));
}

void Session::watch_for_abort() {
  stream_.async_wait(Stream::wait_read, [self = shared_from_this()](ErrorCode failed) {
    if (failed || !self->answering_) return;
    char next = 0;
    const auto n = ::recv(self->stream_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
    // More bytes are the next request; it is read when its turn comes.
    if (n > 0) return;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      return self->watch_for_abort();
    }
    self->close();
  });
}

void Session::reply(HttpResponse response) {
  if (!stream_.is_open()) return;
  answering_ = false;
  --server_->answering;
  abort_ = nullptr;
  server_->rejuvenate(*this);
  response_ = {};
  response_.result(response.status);
  if (!response.body.empty()) response_.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers)
    response_.set(name, value);
  response_.body() = std::move(response.body);
  write();
}

void Session::write() {
  response_.version(11);
  response_.keep_alive(keep_alive_);
  const bool bodiless = response_.result_int() == 204 || response_.result_int() == 304;
  if (bodiless) response_.body().clear();
  if (!bodiless) response_.content_length(response_.body().size());
  if (head_) response_.body().clear();
  arm_deadline(server_->limits.idle_timeout);
  http::async_write(stream_, response_, [self = shared_from_this()](ErrorCode failed, std::size_t) {
    if (failed) return self->close();
    if (self->keep_alive_ && !self->server_->gone) return self->read();
    self->linger();
  });
}

// NOLINTEND(misc-no-recursion)

// Closing with unread bytes resets the connection, which may overtake our reply: the client is
// given a moment to read it.
void Session::linger() {
  ErrorCode ignored;
  stream_.shutdown(asio::socket_base::shutdown_send, ignored);
  arm_deadline(kLinger);
  drain();
}

void Session::drain() {
  stream_.async_wait(Stream::wait_read, [self = shared_from_this()](ErrorCode failed) {
    if (failed || !self->stream_.is_open()) return;
    auto& scratch = self->server_->loop.scratch;
    const auto n =
        ::recv(self->stream_.native_handle(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return self->drain();
    self->close();
  });
}

}  // namespace

std::shared_ptr<HttpSession> make_session(std::shared_ptr<HttpSessions> server, OwnedFd connection,
                                          bool local) {
  return std::make_shared<Session>(std::move(server), std::move(connection), local);
}

}  // namespace weft::io
