// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_message.h"

#include <optional>
#include <utility>

#include <boost/beast/http/status.hpp>

#include "router/io/http_text.h"
#include "router/io/internal/http_feed.h"

namespace weft::io {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Text = boost::beast::string_view;

constexpr int kFirstFinalStatus = 200;

Error parse_error(const ErrorCode& failed) {
  if (failed == http::error::body_limit || failed == http::error::header_limit) {
    return {Errc::too_large, 0, "the response is too large"};
  }
  if (failed == http::error::partial_message || failed == http::error::end_of_stream) {
    return {Errc::truncated, 0, "the connection was closed before the response was complete"};
  }
  return {Errc::bad_value, 0, "the response is not HTTP"};
}

// A line break in a value would begin a header of its own.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value)
    out += c == '\r' || c == '\n' ? ' ' : c;
  out += "\r\n";
}

class Parser final : public http::basic_parser<false> {
 public:
  Parser(const HttpResponseReader::Limits& limits, bool to_head) {
    eager(true);
    skip(to_head);
    if (limits.body_max) {
      body_limit(*limits.body_max);
    } else {
      body_limit(boost::none);
    }
  }

  HttpResponse head_;
  std::string body_;

 private:
  void on_request_impl(http::verb /*method*/, Text /*name*/, Text /*target*/, int /*version*/,
                       ErrorCode& /*failed*/) override {}
  void on_response_impl(int code, Text /*reason*/, int /*version*/,
                        ErrorCode& /*failed*/) override {
    head_.status = static_cast<unsigned>(code);
    head_.content_type.clear();
  }
  void on_field_impl(http::field field, Text name, Text value, ErrorCode& /*failed*/) override {
    if (is_header_done()) return;  // a field after the last chunk
    if (field == http::field::content_type) head_.content_type = std::string(value);
    head_.headers[lower_case(std::string_view(name.data(), name.size()))] = std::string(value);
  }
  void on_header_impl(ErrorCode& /*failed*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*size*/,
                         ErrorCode& /*failed*/) override {}
  std::size_t on_body_impl(Text body, ErrorCode& /*failed*/) override {
    body_.append(body);
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/,
                            ErrorCode& /*failed*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, Text body,
                                 ErrorCode& /*failed*/) override {
    body_.append(body);
    return body.size();
  }
  void on_finish_impl(ErrorCode& /*failed*/) override {}
};

}  // namespace

std::string write_request(const HttpCall& call, std::string_view host, bool keep_alive) {
  std::string body = call.body;
  std::string out = call.method + " " + call.target + " HTTP/1.1\r\n";
  append_header(out, "Host", host);
  append_header(out, "User-Agent", "weave/" WEFT_VERSION);
  append_header(out, "Connection", keep_alive ? "keep-alive" : "close");
  if (!call.form.empty() && body.empty()) {
    append_header(out, "Content-Type", "application/x-www-form-urlencoded");
    body = form_text(call.form);
  }
  for (const auto& [name, value] : call.headers)
    append_header(out, name, value);
  const bool may_carry = call.method != "GET" && call.method != "HEAD";
  if (may_carry || !body.empty()) append_header(out, "Content-Length", std::to_string(body.size()));
  return out + "\r\n" + body;
}

std::string write_response(const HttpResponse& response, bool keep_alive, bool to_head) {
  const auto reason = http::obsolete_reason(http::int_to_status(response.status));
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out.append(reason.data(), reason.size()).append("\r\n");
  if (!response.body.empty()) append_header(out, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers)
    append_header(out, name, value);
  if (!keep_alive) append_header(out, "Connection", "close");
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) append_header(out, "Content-Length", std::to_string(response.body.size()));
  out += "\r\n";
  if (!bodiless && !to_head) out += response.body;
  return out;
}

struct HttpResponseReader::State {
  State(const Limits& bounds, bool skip_body)
      : limits(bounds), to_head(skip_body), feed(bounds.header_max) {}

  Limits limits;
  bool to_head;
  HttpFeed feed;
  std::optional<Parser> parser;  // from the first byte on
};

HttpResponseReader::HttpResponseReader(const Limits& limits, bool to_head)
    : state_(std::make_unique<State>(limits, to_head)) {}
HttpResponseReader::~HttpResponseReader() = default;

Result<> HttpResponseReader::feed(ByteView bytes) {
  if (failed_) return Error{Errc::bad_value, 0, "the response is not HTTP"};
  state_->feed.append(bytes);
  auto parsed = parse();
  failed_ = !parsed;
  return parsed;
}

Result<> HttpResponseReader::parse() {
  auto& [limits, to_head, feed, parser] = *state_;
  while (!feed.empty() && !complete()) {
    if (!parser) {
      feed.begin_message();
      parser.emplace(limits, to_head);
    }
    ErrorCode failed;
    const bool more = feed.advance(*parser, failed);
    if (failed) return parse_error(failed);
    const bool interim = parser->is_done() && parser->head_.status < kFirstFinalStatus;
    if (interim) parser.reset();
    if (!more) return {};
  }
  return {};
}

Result<> HttpResponseReader::feed_end() {
  auto& parser = state_->parser;
  if (!parser || failed_) return parse_error(http::make_error_code(http::error::end_of_stream));
  if (complete()) return {};
  ErrorCode failed;
  parser->put_eof(failed);
  if (failed) return parse_error(failed);
  return {};
}

const HttpResponse* HttpResponseReader::head() const {
  const auto& parser = state_->parser;
  const bool there = parser && parser->is_header_done();
  return there && parser->head_.status >= kFirstFinalStatus ? &parser->head_ : nullptr;
}

std::string HttpResponseReader::take_body() {
  return state_->parser ? std::exchange(state_->parser->body_, {}) : std::string();
}

bool HttpResponseReader::complete() const {
  const auto& parser = state_->parser;
  return parser && parser->is_done() && parser->head_.status >= kFirstFinalStatus;
}

bool HttpResponseReader::reusable() const {
  return complete() && state_->feed.empty() && state_->parser->keep_alive();
}

}  // namespace weft::io
