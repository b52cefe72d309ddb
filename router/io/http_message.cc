// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_message.h"

#include <algorithm>
#include <cctype>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "router/io/http_text.h"

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

std::string lower_case(Text text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// A line break in a value would begin a header of its own.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value)
    out += c == '\r' || c == '\n' ? ' ' : c;
  out += "\r\n";
}

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

class HttpResponseReader::Parser final : public http::basic_parser<false> {
 public:
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
    if (field == http::field::content_type) head_.content_type = std::string(value);
    head_.headers[lower_case(name)] = std::string(value);
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

HttpResponseReader::HttpResponseReader(const Limits& limits, bool to_head)
    : limits_(limits), to_head_(to_head) {}
HttpResponseReader::~HttpResponseReader() = default;

Result<> HttpResponseReader::feed(ByteView bytes) {
  if (failed_) return Error{Errc::bad_value, 0, "the response is not HTTP"};
  pending_.append(as_text(bytes));
  auto parsed = parse();
  failed_ = !parsed;
  return parsed;
}

Result<> HttpResponseReader::parse() {
  while (!pending_.empty() && !complete()) {
    if (!parser_) {
      parser_ = std::make_unique<Parser>();
      parser_->eager(true);
      parser_->header_limit(limits_.header_max);
      parser_->skip(to_head_);
      if (limits_.body_max) {
        parser_->body_limit(*limits_.body_max);
      } else {
        parser_->body_limit(boost::none);
      }
    }
    ErrorCode failed;
    const std::size_t used =
        parser_->put(boost::asio::const_buffer(pending_.data(), pending_.size()), failed);
    pending_.erase(0, used);
    if (failed == http::error::need_more) return {};
    if (failed) return parse_error(failed);
    const bool interim = parser_->is_done() && parser_->head_.status < kFirstFinalStatus;
    if (interim) parser_.reset();
    if (used == 0) return {};
  }
  return {};
}

Result<> HttpResponseReader::feed_end() {
  if (!parser_ || failed_) return parse_error(http::make_error_code(http::error::end_of_stream));
  if (complete()) return {};
  ErrorCode failed;
  parser_->put_eof(failed);
  if (failed) return parse_error(failed);
  return {};
}

const HttpResponse* HttpResponseReader::head() const {
  const bool there = parser_ && parser_->is_header_done();
  return there && parser_->head_.status >= kFirstFinalStatus ? &parser_->head_ : nullptr;
}

std::string HttpResponseReader::take_body() {
  return parser_ ? std::exchange(parser_->body_, {}) : std::string();
}

bool HttpResponseReader::complete() const {
  return parser_ && parser_->is_done() && parser_->head_.status >= kFirstFinalStatus;
}

bool HttpResponseReader::reusable() const {
  return complete() && pending_.empty() && parser_->keep_alive();
}

}  // namespace weft::io
