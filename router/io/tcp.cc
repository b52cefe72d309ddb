// SPDX-License-Identifier: Apache-2.0
#include "router/io/tcp.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>

#include "router/io/internal/loop_context.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadBufferSize = 64 * 1024;
// Small writes are joined up to this size, so that a burst of them is one system call.
constexpr std::size_t kJoinMax = 256 * 1024;
// After this long without a descriptor to spare, accepting is tried again.
constexpr std::chrono::milliseconds kAcceptRetry{100};

tcp::endpoint to_asio(Endpoint e) {
  return {asio::ip::address_v4(e.ip.value), e.port};
}

Endpoint from_asio(const tcp::endpoint& e) {
  if (!e.address().is_v4()) return {};
  return {.ip = {e.address().to_v4().to_uint()}, .port = e.port()};
}

// Closing resets, as Weave does: no TIME_WAIT holds the port of a peer that comes right back.
void reset(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace

struct TcpStream::State : std::enable_shared_from_this<TcpStream::State> {
  explicit State(tcp::socket connected)
      : socket(std::move(connected)), grace(socket.get_executor()) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    local = from_asio(socket.local_endpoint(ignored));
    remote = from_asio(socket.remote_endpoint(ignored));
  }

  void read() {
    socket.async_read_some(
        asio::buffer(buffer), [self = shared_from_this()](error_code ec, std::size_t n) {
          if (self->closing) return;
          if (ec) return self->broken(ec);
          self->handlers.on_data(std::as_bytes(std::span(self->buffer).first(n)));
          if (!self->closing) self->read();
        });
  }

  void write() {
    writing = true;
    asio::async_write(socket, asio::buffer(queue.front()),
                      [self = shared_from_this()](error_code ec, std::size_t) {
                        self->writing = false;
                        if (ec) return self->broken(ec);
                        self->queued -= self->queue.front().size();
                        self->queue.pop_front();
                        if (!self->queue.empty()) return self->write();
                        if (self->closing) return reset(self->socket);
                        if (self->handlers.on_drained) self->handlers.on_drained();
                      });
  }

  void broken(error_code ec) {
    grace.cancel();
    if (socket.is_open()) reset(socket);
    if (std::exchange(closing, true)) return;
    auto on_closed = std::exchange(handlers.on_closed, nullptr);
    bool by_peer = ec == asio::error::eof || ec == asio::error::connection_reset;
    if (!on_closed) return;
    on_closed(by_peer ? Error{.code = Errc::refused, .what = "closed by the peer"}
                      : failure(ec, "the connection broke"));
  }

  tcp::socket socket;
  asio::steady_timer grace;
  Handlers handlers;
  std::array<char, kReadBufferSize> buffer{};
  std::deque<Bytes> queue;
  std::size_t queued = 0;
  bool writing = false;
  bool closing = false;
  Endpoint local, remote;
};

TcpStream::TcpStream(std::shared_ptr<State> state) : state_(std::move(state)) {}
TcpStream::~TcpStream() {
  close();
}

void TcpStream::start(Handlers handlers) {
  state_->handlers = std::move(handlers);
  state_->read();
}

Result<> TcpStream::write(ByteView bytes) {
  State& s = *state_;
  if (s.closing || bytes.empty()) return {};
  if (s.queued + bytes.size() > kWriteQueueMax) {
    return Error{.code = Errc::too_large, .what = "the write queue is full"};
  }
  s.queued += bytes.size();
  // The front is being written; anything behind it may still grow.
  bool joins =
      s.queue.size() > (s.writing ? 1U : 0U) && s.queue.back().size() + bytes.size() <= kJoinMax;
  if (joins) {
    append(s.queue.back(), bytes);
  } else {
    s.queue.push_back(to_bytes(bytes));
  }
  if (!s.writing) s.write();
  return {};
}

std::size_t TcpStream::queued() const {
  return state_->queued;
}

void TcpStream::close() {
  State& s = *state_;
  if (std::exchange(s.closing, true)) return;
  s.handlers = {};
  if (s.queue.empty()) return reset(s.socket);
  s.grace.expires_after(kCloseGrace);
  s.grace.async_wait([state = state_](error_code ec) {
    if (!ec && state->socket.is_open()) reset(state->socket);
  });
}

void TcpStream::abort() {
  state_->closing = true;
  state_->handlers = {};
  reset(state_->socket);
}

Endpoint TcpStream::local() const {
  return state_->local;
}
Endpoint TcpStream::remote() const {
  return state_->remote;
}

struct TcpListener::State : std::enable_shared_from_this<TcpListener::State> {
  explicit State(asio::io_context& context) : acceptor(context), retry(context) {}

  void accept() {
    acceptor.async_accept([self = shared_from_this()](error_code ec, tcp::socket socket) {
      if (!self->acceptor.is_open()) return;
      if (!ec) {
        auto stream = std::make_shared<TcpStream::State>(std::move(socket));
        self->on_accept(std::make_unique<TcpStream>(std::move(stream)));
        if (self->acceptor.is_open()) self->accept();
        return;
      }
      // Out of descriptors, most likely: waiting is better than spinning.
      self->retry.expires_after(kAcceptRetry);
      self->retry.async_wait([self](error_code cancelled) {
        if (!cancelled && self->acceptor.is_open()) self->accept();
      });
    });
  }

  tcp::acceptor acceptor;
  asio::steady_timer retry;
  OnAccept on_accept;
};

Result<std::unique_ptr<TcpListener>> TcpListener::open(EventLoop& loop, Endpoint at,
                                                       OnAccept on_accept) {
  auto state = std::make_shared<State>(loop.context().context);
  state->on_accept = std::move(on_accept);
  error_code ec;
  state->acceptor.open(tcp::v4(), ec);
  if (!ec) state->acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) state->acceptor.bind(to_asio(at), ec);
  if (!ec) state->acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return failure(ec, "cannot listen");
  state->accept();
  return std::make_unique<TcpListener>(std::move(state));
}

TcpListener::TcpListener(std::shared_ptr<State> state) : state_(std::move(state)) {}

TcpListener::~TcpListener() {
  error_code ignored;
  state_->retry.cancel();
  state_->acceptor.close(ignored);
}

Endpoint TcpListener::endpoint() const {
  error_code ignored;
  return from_asio(state_->acceptor.local_endpoint(ignored));
}

namespace {

struct Dialling : std::enable_shared_from_this<Dialling> {
  explicit Dialling(asio::io_context& context) : socket(context), timer(context) {}

  void finish(Result<std::unique_ptr<TcpStream>> result) {
    timer.cancel();
    if (auto call = std::exchange(done, nullptr)) call(std::move(result));
  }

  tcp::socket socket;
  asio::steady_timer timer;
  TcpConnector::OnDone done;
  bool timed_out = false;
};

}  // namespace

struct TcpConnector::State {
  explicit State(asio::io_context& c) : context(c) {}
  asio::io_context& context;
  std::set<std::shared_ptr<Dialling>> dialling;
};

TcpConnector::TcpConnector(EventLoop& loop)
    : state_(std::make_shared<State>(loop.context().context)) {}

TcpConnector::~TcpConnector() {
  for (const std::shared_ptr<Dialling>& d : state_->dialling) {
    d->done = nullptr;
    d->timer.cancel();
    reset(d->socket);
  }
}

void TcpConnector::connect(const Attempt& attempt, OnDone done) {
  auto d = std::make_shared<Dialling>(state_->context);
  d->done = std::move(done);
  error_code ec;
  d->socket.open(tcp::v4(), ec);
  if (!ec && attempt.from != Endpoint{}) d->socket.bind(to_asio(attempt.from), ec);
  state_->dialling.insert(d);
  std::weak_ptr<State> weak = state_;
  auto finished = [weak, d](error_code result) {
    if (auto state = weak.lock()) state->dialling.erase(d);
    if (d->timed_out) result = error_code(ETIMEDOUT, boost::system::system_category());
    if (result) return d->finish(failure(result, "cannot connect"));
    auto stream = std::make_shared<TcpStream::State>(std::move(d->socket));
    d->finish(std::make_unique<TcpStream>(std::move(stream)));
  };
  if (ec) {
    asio::post(state_->context, [finished, ec] { finished(ec); });
    return;
  }
  d->timer.expires_after(attempt.timeout);
  d->timer.async_wait([d](error_code cancelled) {
    if (cancelled) return;
    d->timed_out = true;
    reset(d->socket);
  });
  d->socket.async_connect(to_asio(attempt.to), finished);
}

}  // namespace weft::io
