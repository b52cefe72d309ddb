// SPDX-License-Identifier: Apache-2.0
#include "router/io/tcp.h"

#include <set>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/ensure.h"
#include "router/io/internal/acceptor.h"
#include "router/io/internal/loop_context.h"
#include "router/io/internal/socket.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

// Reads of one stream before the loop looks at anything else.
constexpr int kReadsPerTurn = 16;
// A queue that grew larger gives its memory back when it is empty.
constexpr std::size_t kKeptQueueMemory = 256 * 1024;
// The kernel asks a silent peer for a sign of life, so that traffic is led round a cut after 20 s
// and not after the 60 s that the protocol allows; after 30 s at most where something was sent
// before the first question, which the kernel then repeats instead. Any TCP answers, Weave's
// hosts' too.
constexpr int kKeepAliveIdle = 10;  // s
constexpr int kKeepAliveInterval = 3;
constexpr int kUnansweredMax = 20'000;  // ms; also for what was sent and not acknowledged

Error stream_error(const ErrorCode& failed) {
  if (failed == asio::error::eof) return {Errc::refused, 0, "closed by the peer"};
  return socket_error(failed.value(), "the connection broke");
}

void prepare(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdle);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveInterval);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnansweredMax);
  const linger reset_on_close{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_on_close, sizeof reset_on_close);
}

}  // namespace

// open → (close) flushing → (all written) waiting for the peer's end → gone
//      → (abort, error, end of grace) gone
struct TcpStream::State : std::enable_shared_from_this<State> {
  State(LoopContext& context, OwnedFd fd)
      : loop(context),
        socket(context.io),
        grace(context.io),
        local(local_endpoint(fd.value())),
        remote(remote_endpoint(fd.value())) {
    prepare(fd.value());
    socket.assign(tcp::v4(), fd.release());
    socket.non_blocking(true);
  }

  void wait_readable() {
    socket.async_wait(tcp::socket::wait_read, [self = shared_from_this()](ErrorCode failed) {
      if (!failed) self->read();
    });
  }

  void read() {
    for (int i = 0; i < kReadsPerTurn && socket.is_open(); ++i) {
      ErrorCode failed;
      const std::size_t n = socket.read_some(asio::buffer(loop.scratch), failed);
      if (failed == asio::error::would_block) break;
      if (failed) return end(stream_error(failed));
      if (!silent) handlers.on_data(ByteView(loop.scratch).first(n));
    }
    if (socket.is_open()) wait_readable();
  }

  Result<> write(ByteView bytes) {
    if (silent || !socket.is_open()) return {};
    if (queued() + bytes.size() > kWriteQueueMax) {
      return Error{Errc::too_large, 0, "the write queue is full"};
    }
    const bool idle = queued() == 0;
    append(queue, bytes);
    if (idle) flush();
    return {};
  }

  std::size_t queued() const { return queue.size() - written; }

  void flush() {
    ErrorCode failed;
    while (queued() != 0 && !failed) {
      written += socket.write_some(asio::buffer(queue.data() + written, queued()), failed);
    }
    if (failed && failed != asio::error::would_block) return end_later(stream_error(failed));
    if (queued() == 0) return on_flushed();
    // Moving the rest to the front is cheap only while it is the smaller part.
    if (written > queue.size() / 2) {
      queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(written));
      written = 0;
    }
    socket.async_wait(tcp::socket::wait_write, [self = shared_from_this()](ErrorCode broken) {
      if (!broken && self->socket.is_open()) self->flush();
    });
  }

  void on_flushed() {
    queue.clear();
    written = 0;
    if (queue.capacity() > kKeptQueueMemory) queue.shrink_to_fit();
    if (silent) {
      ErrorCode ignored;
      socket.shutdown(tcp::socket::shutdown_send, ignored);
      return;
    }
    if (drain_told) return;
    drain_told = true;
    asio::post(loop.io, [self = shared_from_this()] {
      self->drain_told = false;
      if (self->silent || self->queued() != 0 || !self->socket.is_open()) return;
      if (self->handlers.on_drained) self->handlers.on_drained();
    });
  }

  void close() {
    if (silent || !socket.is_open()) {
      silent = true;
      return;
    }
    silent = true;
    if (!started) wait_readable();  // to see the peer's end
    if (queued() == 0) on_flushed();
    grace.expires_after(kCloseGrace);
    grace.async_wait([self = shared_from_this()](ErrorCode cancelled) {
      if (!cancelled) self->reset();
    });
  }

  void reset() {
    grace.cancel();
    ErrorCode ignored;
    socket.close(ignored);
  }

  void end(Error why) {
    reset();
    if (silent) return;
    silent = true;
    if (handlers.on_closed) handlers.on_closed(why);
  }

  void end_later(Error why) {
    asio::post(loop.io, [self = shared_from_this(), why] { self->end(why); });
  }

  LoopContext& loop;
  tcp::socket socket;
  asio::steady_timer grace;
  Endpoint local, remote;
  // Kept as long as this, since one of them may be running while the stream is destroyed.
  Handlers handlers;
  Bytes queue;
  std::size_t written = 0;  // of the queue's front
  bool started = false;
  bool silent = false;  // no more callbacks
  bool drain_told = false;
};

TcpStream::TcpStream(std::shared_ptr<State> state) : state_(std::move(state)) {}
TcpStream::~TcpStream() {
  state_->close();
}

void TcpStream::start(Handlers handlers) {
  ensure(!state_->started, "a stream is started once");
  state_->started = true;
  state_->handlers = std::move(handlers);
  state_->wait_readable();
}

Result<> TcpStream::write(ByteView bytes) {
  return state_->write(bytes);
}
std::size_t TcpStream::queued() const {
  return state_->queued();
}
void TcpStream::close() {
  state_->close();
}

void TcpStream::abort() {
  state_->silent = true;
  state_->reset();
}

Endpoint TcpStream::local() const {
  return state_->local;
}
Endpoint TcpStream::remote() const {
  return state_->remote;
}

struct TcpListener::State {
  std::shared_ptr<Acceptor> acceptor;
  Endpoint endpoint;
};

TcpListener::TcpListener(std::shared_ptr<State> state) : state_(std::move(state)) {}
TcpListener::~TcpListener() {
  state_->acceptor->stop();
}
Endpoint TcpListener::endpoint() const {
  return state_->endpoint;
}

Result<std::unique_ptr<TcpListener>> TcpListener::open(EventLoop& loop, Endpoint at,
                                                       OnAccept on_accept) {
  auto fd = listen_tcp(at);
  if (!fd) return fd.error();
  auto state = std::make_shared<State>();
  state->endpoint = local_endpoint(fd->value());
  LoopContext& context = loop.context();
  state->acceptor = std::make_shared<Acceptor>(
      context, std::move(*fd),
      Acceptor::Handlers{.ready = [] { return true; },
                         .on_accept =
                             [&context, on_accept = std::move(on_accept)](OwnedFd connection) {
                               on_accept(
                                   std::make_unique<TcpStream>(std::make_shared<TcpStream::State>(
                                       context, std::move(connection))));
                             }});
  state->acceptor->resume();
  return std::make_unique<TcpListener>(std::move(state));
}

namespace {

// One connection being made.
struct Dialling : std::enable_shared_from_this<Dialling> {
  Dialling(LoopContext& context, OwnedFd fd) : socket(context.io), deadline(context.io) {
    socket.assign(tcp::v4(), fd.release());
  }

  tcp::socket socket;
  asio::steady_timer deadline;
};

}  // namespace

struct TcpConnector::State : std::enable_shared_from_this<State> {
  explicit State(EventLoop& event_loop) : loop(event_loop) {}

  Result<> begin(const Attempt& attempt, const std::shared_ptr<Dialling>& dialling, OnDone done);
  void finish(const std::shared_ptr<Dialling>& dialling, const OnDone& done, int sys_errno);

  EventLoop& loop;
  std::set<std::shared_ptr<Dialling>> under_way;
  bool gone = false;
};

Result<> TcpConnector::State::begin(const Attempt& attempt,
                                    const std::shared_ptr<Dialling>& dialling, OnDone done) {
  const int fd = dialling->socket.native_handle();
  if (attempt.from != Endpoint{}) {
    // The port is chosen when the destination is known: otherwise they run out sooner.
    if (attempt.from.port == 0) set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (auto bound = bind_socket(fd, attempt.from); !bound) return bound;
  }
  const SocketAddress to = to_socket_address(attempt.to);
  const int rc = ::connect(fd, to.get(), to.size);
  if (rc != 0 && errno != EINPROGRESS) return socket_error(errno, "cannot connect");
  under_way.insert(dialling);
  const auto shared_done = std::make_shared<OnDone>(std::move(done));
  dialling->deadline.expires_after(attempt.timeout);
  dialling->deadline.async_wait(
      [self = shared_from_this(), dialling, shared_done](ErrorCode cancelled) {
        if (!cancelled) self->finish(dialling, *shared_done, ETIMEDOUT);
      });
  dialling->socket.async_wait(tcp::socket::wait_write, [self = shared_from_this(), dialling,
                                                        shared_done](ErrorCode cancelled) {
    if (cancelled || !dialling->socket.is_open()) return;
    int failed = 0;
    socklen_t size = sizeof failed;
    ::getsockopt(dialling->socket.native_handle(), SOL_SOCKET, SO_ERROR, &failed, &size);
    self->finish(dialling, *shared_done, failed);
  });
  return {};
}

void TcpConnector::State::finish(const std::shared_ptr<Dialling>& dialling, const OnDone& done,
                                 int sys_errno) {
  if (gone || under_way.erase(dialling) == 0) return;
  dialling->deadline.cancel();
  if (sys_errno != 0) {
    ErrorCode ignored;
    dialling->socket.close(ignored);
    done(socket_error(sys_errno, "cannot connect"));
    return;
  }
  OwnedFd fd(dialling->socket.release());
  done(std::make_unique<TcpStream>(
      std::make_shared<TcpStream::State>(loop.context(), std::move(fd))));
}

TcpConnector::TcpConnector(EventLoop& loop) : state_(std::make_shared<State>(loop)) {}

TcpConnector::~TcpConnector() {
  state_->gone = true;
  for (const auto& dialling : state_->under_way) {
    dialling->deadline.cancel();
    ErrorCode ignored;
    dialling->socket.close(ignored);
  }
  state_->under_way.clear();
}

void TcpConnector::connect(const Attempt& attempt, const OnDone& done) {
  auto fd = open_socket(SOCK_STREAM, to_socket_address(attempt.to).family());
  Result<> begun = fd ? Result<>() : Result<>(fd.error());
  if (fd) {
    auto dialling = std::make_shared<Dialling>(state_->loop.context(), std::move(*fd));
    begun = state_->begin(attempt, dialling, done);
  }
  if (begun) return;
  asio::post(state_->loop.context().io, [state = state_, done, why = begun.error()] {
    if (!state->gone) done(why);
  });
}

}  // namespace weft::io
