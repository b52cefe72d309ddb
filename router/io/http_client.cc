// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_client.h"

#include <algorithm>
#include <cctype>
#include <cerrno>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "router/io/http_text.h"
#include "router/io/internal/socket.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
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

http::request<http::string_body> make_request(const HttpAddress& server, const HttpCall& call) {
  http::request<http::string_body> request;
  request.version(11);
  request.method_string(call.method);
  request.target(call.target);
  request.set(http::field::host, server.is_unix() ? "localhost" : server.text());
  request.set(http::field::user_agent, "weave/" WEFT_VERSION);
  request.set(http::field::connection, "close");
  if (!call.form.empty() && call.body.empty()) {
    request.set(http::field::content_type, "application/x-www-form-urlencoded");
    request.body() = form_text(call.form);
  } else {
    request.body() = call.body;
  }
  for (const auto& [name, value] : call.headers)
    request.set(name, value);
  const bool may_carry = call.method != "GET" && call.method != "HEAD";
  if (may_carry || !request.body().empty()) request.content_length(request.body().size());
  return request;
}

HttpResponse take_response(http::response<http::string_body>&& from) {
  HttpResponse response;
  response.status = from.result_int();
  response.content_type = std::string(from[http::field::content_type]);
  for (const auto& header : from) {
    std::string name(header.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    response.headers[name] = std::string(header.value());
  }
  response.body = std::move(from.body());
  return response;
}

Error exchange_error(const ErrorCode& failed) {
  if (failed == http::error::body_limit) return {Errc::too_large, 0, "the response is too large"};
  if (failed == http::error::end_of_stream || failed == http::error::partial_message ||
      failed == asio::error::connection_reset || failed == asio::error::broken_pipe) {
    return {Errc::truncated, 0, "the connection was closed before the response was complete"};
  }
  if (failed.category() == http::make_error_code(http::error::bad_version).category()) {
    return {Errc::bad_value, 0, "the response is not HTTP"};
  }
  return socket_error(failed.value(), "the connection broke");
}

// One request and its response over a connected socket.
class Exchange {
 public:
  Exchange(OwnedFd fd, http::request<http::string_body> request, const HttpCall& call)
      : stream_(io_), request_(std::move(request)) {
    stream_.assign(asio::generic::stream_protocol(family_of(fd.value()), 0), fd.release());
    parser_.body_limit(call.body_max);
    parser_.skip(call.method == "HEAD");
  }

  Result<HttpResponse> run(const std::optional<Clock::time_point>& deadline) {
    http::async_write(stream_, request_, [this](ErrorCode failed, std::size_t) {
      // A server that refuses early answers and closes while we still write: read what it says.
      write_failed_ = failed;
      http::async_read(stream_, buffer_, parser_, [this](ErrorCode read_failed, std::size_t) {
        failed_ = read_failed;
        done_ = true;
      });
    });
    if (deadline) {
      io_.run_until(*deadline);
    } else {
      io_.run();
    }
    if (!done_) return timed_out();
    if (failed_) return exchange_error(write_failed_ ? write_failed_ : failed_);
    return take_response(parser_.release());
  }

 private:
  static int family_of(int fd) {
    int family = AF_INET;
    socklen_t size = sizeof family;
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    return family;
  }

  asio::io_context io_{1};
  Stream stream_;
  boost::beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  ErrorCode write_failed_;
  ErrorCode failed_;
  bool done_ = false;
};

}  // namespace

Result<HttpResponse> fetch(const HttpAddress& server, const HttpCall& call) {
  std::optional<Clock::time_point> deadline;
  if (call.timeout) {
    deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(*call.timeout);
  }
  auto fd = connect_to(server, call.timeout);
  if (!fd) return fd.error();
  Exchange exchange(std::move(*fd), make_request(server, call), call);
  return exchange.run(deadline);
}

}  // namespace weft::io
