// SPDX-License-Identifier: Apache-2.0
#include "router/io/internal/http_session.h"

#include <cerrno>
#include <utility>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "router/io/http_message.h"
#include "router/io/http_request_reader.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Clock = HttpSession::Clock;
using Stream = asio::generic::stream_protocol::socket;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// How long a client that we close on has to read our last reply.
constexpr std::chrono::seconds kLinger{2};

// reading → answering → writing → reading (keep-alive) …, or closed
class Session : public HttpSession, public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<HttpSessions> server, OwnedFd fd, bool local)
      : server_(std::move(server)),
        stream_(server_->loop.io),
        deadline_(server_->loop.io),
        reader_({server_->limits.header_max, server_->limits.body_max}),
        local_(local) {
    int family = AF_INET;
    socklen_t size = sizeof family;
    ::getsockopt(fd.value(), SOL_SOCKET, SO_DOMAIN, &family, &size);
    stream_.assign(asio::generic::stream_protocol(family, 0), fd.release());
  }

  void read() override;
  void close() override;
  void reply(const HttpResponse& response);
  void on_abort(std::function<void()> handler) { abort_ = std::move(handler); }

  bool answering() const override { return answering_; }
  bool has_input() override {
    int waiting = 0;
    return ::ioctl(stream_.native_handle(), FIONREAD, &waiting) == 0 && waiting > 0;
  }

 private:
  void advance(ByteView bytes);
  void refuse(const Error& error);
  void hand_over();
  void watch_for_abort();
  void write(const HttpResponse& response);
  void send(std::string text, std::function<void()> then);
  void receive();
  void linger();
  void arm_deadline(Duration patience);

  std::shared_ptr<HttpSessions> server_;
  Stream stream_;
  asio::steady_timer deadline_;
  HttpRequestReader reader_;
  std::string sending_;
  std::function<void()> abort_;
  bool local_;
  bool answering_ = false;
  bool lingering_ = false;
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
    if (const auto session = std::exchange(session_, nullptr)) session->reply(response);
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
  if (!stream_.is_open()) return;
  idle_since = Clock::now();
  arm_deadline(server_->limits.idle_timeout);
  advance({});  // what came with the request before
}

void Session::advance(ByteView bytes) {
  if (auto fed = reader_.feed(bytes); !fed) return refuse(fed.error());
  if (reader_.complete()) return hand_over();
  if (reader_.take_expectation()) {
    return send(std::string(kContinue), [this] { receive(); });
  }
  receive();
}

void Session::refuse(const Error& error) {
  ++server_->counters.malformed;
  keep_alive_ = false;
  head_ = false;
  write({.status = reader_.refusal(), .body = std::string(error.what) + "\n", .headers = {}});
}

void Session::hand_over() {
  keep_alive_ = reader_.keep_alive();
  HttpRequest request = reader_.take();
  head_ = request.method == "HEAD";
  request.local = local_;
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

void Session::reply(const HttpResponse& response) {
  if (!stream_.is_open()) return;
  answering_ = false;
  --server_->answering;
  abort_ = nullptr;
  server_->rejuvenate(*this);
  write(response);
}

void Session::write(const HttpResponse& response) {
  arm_deadline(server_->limits.idle_timeout);
  send(write_response(response, keep_alive_, head_), [this] {
    if (keep_alive_ && !server_->gone) return read();
    linger();
  });
}

void Session::send(std::string text, std::function<void()> then) {
  sending_ = std::move(text);
  asio::async_write(
      stream_, asio::buffer(sending_),
      [self = shared_from_this(), then = std::move(then)](ErrorCode failed, std::size_t) {
        std::string().swap(self->sending_);
        if (failed) return self->close();
        then();
      });
}

void Session::receive() {
  stream_.async_wait(Stream::wait_read, [self = shared_from_this()](ErrorCode failed) {
    if (failed || !self->stream_.is_open()) return self->close();
    auto& scratch = self->server_->loop.scratch;
    const auto n =
        ::recv(self->stream_.native_handle(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return self->receive();
    if (n <= 0) return self->close();
    if (self->lingering_) return self->receive();
    self->advance(ByteView(scratch).first(static_cast<std::size_t>(n)));
  });
}

// Closing with unread bytes resets the connection, which may overtake our reply: the client is
// given a moment to read it.
void Session::linger() {
  ErrorCode ignored;
  stream_.shutdown(asio::socket_base::shutdown_send, ignored);
  arm_deadline(kLinger);
  lingering_ = true;
  receive();
}

// NOLINTEND(misc-no-recursion)

}  // namespace

std::shared_ptr<HttpSession> make_session(std::shared_ptr<HttpSessions> server, OwnedFd connection,
                                          bool local) {
  return std::make_shared<Session>(std::move(server), std::move(connection), local);
}

}  // namespace weft::io
