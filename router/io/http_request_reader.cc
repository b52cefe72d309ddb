// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_request_reader.h"

#include <optional>
#include <string>
#include <utility>

#include "router/io/http_text.h"
#include "router/io/internal/http_feed.h"

namespace weft::io {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Text = boost::beast::string_view;

constexpr std::string_view kForm = "application/x-www-form-urlencoded";

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

class Parser final : public http::basic_parser<true> {
 public:
  explicit Parser(const HttpRequestReader::Limits& limits) {
    eager(true);
    body_limit(limits.body_max);
  }

  HttpRequest request_;
  std::string target_;
  bool expects_continue_ = false;

 private:
  void on_request_impl(http::verb /*known*/, Text method, Text target, int /*version*/,
                       ErrorCode& /*failed*/) override {
    request_.method = std::string(method);
    target_ = std::string(target);
  }
  void on_response_impl(int /*code*/, Text /*reason*/, int /*version*/,
                        ErrorCode& /*failed*/) override {}
  void on_field_impl(http::field field, Text name, Text value, ErrorCode& /*failed*/) override {
    if (is_header_done()) return;
    std::string& held = request_.headers[lower_case(std::string_view(name.data(), name.size()))];
    if (!held.empty()) held += ", ";
    held.append(value.data(), value.size());
    expects_continue_ |=
        field == http::field::expect && boost::beast::iequals(value, "100-continue");
  }
  void on_header_impl(ErrorCode& /*failed*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*size*/,
                         ErrorCode& /*failed*/) override {}
  std::size_t on_body_impl(Text body, ErrorCode& /*failed*/) override {
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/,
                            ErrorCode& /*failed*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, Text body,
                                 ErrorCode& /*failed*/) override {
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(ErrorCode& /*failed*/) override {}
};

}  // namespace

struct HttpRequestReader::State {
  explicit State(const Limits& bounds) : limits(bounds), feed(bounds.header_max) { begin(); }
  void begin() {
    feed.begin_message();
    parser.emplace(limits);
  }

  Limits limits;
  HttpFeed feed;
  std::optional<Parser> parser;
};

HttpRequestReader::HttpRequestReader(const Limits& limits)
    : state_(std::make_unique<State>(limits)) {}
HttpRequestReader::~HttpRequestReader() = default;

Result<> HttpRequestReader::refuse(unsigned status, const Error& error) {
  refusal_ = status;
  return error;
}

Result<> HttpRequestReader::feed(ByteView bytes) {
  if (refusal_ != 0) return Error{Errc::bad_value, 0, "an earlier request was not HTTP"};
  state_->feed.append(bytes);
  if (complete()) return {};  // the bytes are the next one's
  Parser& parser = *state_->parser;
  ErrorCode failed;
  while (!parser.is_done() && state_->feed.advance(parser, failed)) {
  }
  if (failed == http::error::header_limit) {
    return refuse(431, {Errc::too_large, 0, "the header fields are too large"});
  }
  if (failed == http::error::body_limit) {
    return refuse(413, {Errc::too_large, 0, "the body is too large"});
  }
  if (failed) return refuse(400, {Errc::bad_value, 0, "this is not an HTTP request"});
  if (parser.is_done() && !fill_in(parser.target_, parser.request_)) {
    return refuse(400, {Errc::bad_value, 0, "the request's target or form cannot be decoded"});
  }
  return {};
}

bool HttpRequestReader::take_expectation() {
  Parser& parser = *state_->parser;
  if (!parser.is_header_done() || parser.is_done()) return false;
  return std::exchange(parser.expects_continue_, false);
}

bool HttpRequestReader::complete() const {
  return refusal_ == 0 && state_->parser->is_done();
}

bool HttpRequestReader::keep_alive() const {
  return state_->parser->keep_alive();
}

HttpRequest HttpRequestReader::take() {
  HttpRequest request = std::move(state_->parser->request_);
  state_->begin();
  return request;
}

}  // namespace weft::io
