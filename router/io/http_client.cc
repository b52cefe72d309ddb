// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_client.h"

#include <cerrno>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "router/io/http_text.h"
#include "router/io/internal/loop_context.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

// Runs what `start` began and returns how it ended.
template <class Start>
error_code await(asio::io_context& context, Start start) {
  error_code result = asio::error::would_block;
  start([&](error_code ec, auto&&...) { result = ec; });
  context.restart();
  context.run();
  return result;
}

Error transport_error(error_code ec) {
  if (ec == beast::error::timeout) {
    return {.code = Errc::system, .sys_errno = ETIMEDOUT, .what = "no answer in time"};
  }
  if (ec == asio::error::connection_refused || ec == error_code(ENOENT, ec.category())) {
    return {.code = Errc::refused, .sys_errno = ec.value(), .what = "nobody listens there"};
  }
  if (ec == http::error::body_limit) {
    return {.code = Errc::too_large, .what = "the response is too large"};
  }
  bool cut = ec == http::error::end_of_stream || ec == http::error::partial_message ||
             ec == asio::error::connection_reset || ec == asio::error::broken_pipe;
  if (cut) return {.code = Errc::truncated, .what = "the connection broke before the response"};
  if (ec.category() == http::make_error_code(http::error::bad_version).category()) {
    return {.code = Errc::bad_value, .what = "what answers there does not speak HTTP"};
  }
  return failure(ec, "the request failed");
}

http::request<http::string_body> build(const HttpAddress& server, const HttpCall& call) {
  http::request<http::string_body> request;
  request.version(11);
  request.method_string(call.method);
  request.target(call.target);
  request.set(http::field::host, server.is_unix() ? "localhost" : server.text());
  request.set(http::field::user_agent, "weft/" WEFT_VERSION);
  request.set(http::field::connection, "close");
  for (const auto& [name, value] : call.headers)
    request.set(name, value);
  request.body() = call.body;
  if (call.body.empty() && !call.form.empty()) {
    request.body() = form_text(call.form);
    request.set(http::field::content_type, "application/x-www-form-urlencoded");
  }
  request.prepare_payload();
  return request;
}

HttpResponse convert(http::response<http::string_body>&& message) {
  HttpResponse response{
      .status = message.result_int(), .content_type = "", .body = "", .headers = {}};
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name)
      c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    response.headers[name] = std::string(field.value());
  }
  response.content_type = response.headers["content-type"];
  response.body = std::move(message.body());
  return response;
}

template <class Protocol>
Result<HttpResponse> exchange(const typename Protocol::endpoint& endpoint,
                              http::request<http::string_body> request, const HttpCall& call) {
  asio::io_context context(1);
  beast::basic_stream<Protocol> stream(context);
  if (call.timeout) stream.expires_after(*call.timeout);
  error_code ec =
      await(context, [&](auto done) { stream.async_connect(endpoint, std::move(done)); });
  if (!ec) {
    ec = await(context, [&](auto done) { http::async_write(stream, request, std::move(done)); });
  }
  if (ec) return transport_error(ec);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(call.body_max);
  parser.skip(call.method == "HEAD");
  ec =
      await(context, [&](auto done) { http::async_read(stream, buffer, parser, std::move(done)); });
  if (ec) return transport_error(ec);
  return convert(parser.release());
}

}  // namespace

Result<HttpResponse> fetch(const HttpAddress& server, const HttpCall& call) {
  auto request = build(server, call);
  if (const auto* path = std::get_if<UnixPath>(&server.where)) {
    using Local = asio::local::stream_protocol;
    return exchange<Local>(Local::endpoint(path->path), std::move(request), call);
  }
  Endpoint to = std::get<Endpoint>(server.where);
  asio::ip::tcp::endpoint endpoint(asio::ip::address_v4(to.ip.value), to.port);
  return exchange<asio::ip::tcp>(endpoint, std::move(request), call);
}

}  // namespace weft::io
