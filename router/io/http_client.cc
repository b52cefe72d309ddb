// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_client.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "router/io/http_message.h"
#include "router/io/internal/socket.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
using Stream = asio::generic::stream_protocol::socket;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;

Error timed_out() {
  return {Errc::system, ETIMEDOUT, "no answer in time"};
}

// Blocks, since a full unix backlog cannot be waited for otherwise; SO_SNDTIMEO bounds connect().
Result<OwnedFd> connect_to(const HttpAddress& server, const std::optional<Duration>& timeout) {
  const SocketAddress address = to_socket_address(server);
  OwnedFd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.value() < 0) return socket_error(errno, "cannot open a socket");
  if (timeout) {
    const auto us = std::max<std::int64_t>(
        1, std::chrono::duration_cast<std::chrono::microseconds>(*timeout).count());
    const timeval limit{.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    ::setsockopt(fd.value(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  if (::connect(fd.value(), address.get(), address.size) == 0) return fd;
  if (errno == EINPROGRESS || errno == EAGAIN || errno == ETIMEDOUT) return timed_out();
  return socket_error(errno, "cannot connect");
}

Error connection_error(const ErrorCode& failed) {
  if (failed == asio::error::connection_reset || failed == asio::error::broken_pipe) {
    return {Errc::truncated, 0, "the connection was closed before the response was complete"};
  }
  return socket_error(failed.value(), "the connection broke");
}

// One request and its response over a connected socket.
class Exchange {
 public:
  Exchange(OwnedFd fd, std::string request, const HttpCall& call)
      : stream_(io_),
        request_(std::move(request)),
        reader_({.body_max = call.body_max}, call.method == "HEAD") {
    stream_.assign(asio::generic::stream_protocol(family_of(fd.value()), 0), fd.release());
  }

  Result<HttpResponse> run(const std::optional<Clock::time_point>& deadline) {
    asio::async_write(stream_, asio::buffer(request_), [this](ErrorCode failed, std::size_t) {
      // A server that refuses early answers and closes while we still write: read what it says.
      write_failed_ = failed;
      read();
    });
    if (deadline) {
      io_.run_until(*deadline);
    } else {
      io_.run();
    }
    if (!ended_) return timed_out();
    if (!*ended_) return ended_->error();
    HttpResponse response = *reader_.head();
    response.body = reader_.take_body();
    return response;
  }

 private:
  static int family_of(int fd) {
    int family = AF_INET;
    socklen_t size = sizeof family;
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return family;
  }

  // The event loop begins each read: a circle in the text, none on the stack.
  void read() {  // NOLINT(misc-no-recursion)
    stream_.async_read_some(asio::buffer(buffer_), [this](ErrorCode failed, std::size_t size) {
      if (failed == asio::error::eof) {
        ended_ = reader_.feed_end();
      } else if (failed) {
        ended_ = connection_error(write_failed_ ? write_failed_ : failed);
      } else if (auto fed = reader_.feed(ByteView(buffer_).first(size));
                 !fed || reader_.complete()) {
        ended_ = fed;
      } else {
        read();
      }
    });
  }

  asio::io_context io_{1};
  Stream stream_;
  std::string request_;
  HttpResponseReader reader_;
  std::array<Byte, 16 * 1024> buffer_{};
  ErrorCode write_failed_;
  std::optional<Result<>> ended_;
};

}  // namespace

Result<HttpResponse> fetch(const HttpAddress& server, const HttpCall& call) {
  std::optional<Clock::time_point> deadline;
  if (call.timeout) {
    deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(*call.timeout);
  }
  auto fd = connect_to(server, call.timeout);
  if (!fd) return fd.error();
  const std::string host = server.is_unix() ? "localhost" : server.text();
  Exchange exchange(std::move(*fd), write_request(call, host, false), call);
  return exchange.run(deadline);
}

}  // namespace weft::io
