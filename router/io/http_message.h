// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 between bytes and values: requests and responses written, and responses read as their
// bytes come. Sans-IO: whoever has the connection feeds it. Requests are read by HttpRequestReader.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "router/io/http.h"
#include "router/io/http_client.h"

namespace weft::io {

// The request line, headers and body of a call. `host` is the server as the Host header names it.
std::string write_request(const HttpCall& call, std::string_view host, bool keep_alive);

// The reply to a request; `to_head`: to a HEAD request, without the body it describes.
std::string write_response(const HttpResponse& response, bool keep_alive, bool to_head);

// One response. Bytes that follow it make the connection unfit for another request.
class HttpResponseReader {
 public:
  struct Limits {
    std::uint32_t header_max = 64 * 1024;
    std::optional<std::uint64_t> body_max;  // none: it is a stream, and taken piece by piece
  };
  // `to_head`: the request was HEAD, and there is no body whatever the headers say.
  HttpResponseReader(const Limits& limits, bool to_head);
  HttpResponseReader(const HttpResponseReader&) = delete;
  HttpResponseReader& operator=(const HttpResponseReader&) = delete;
  ~HttpResponseReader();

  // bad_value: not HTTP; too_large: over a limit. Nothing more is read after an error.
  Result<> feed(ByteView bytes);
  // The other side has closed: complete (a body that only the end delimits), or truncated.
  Result<> feed_end();

  // Status and headers, once they are complete; without body. Interim responses (1xx) are skipped.
  const HttpResponse* head() const;
  // What has come of the body since it was asked last.
  std::string take_body();
  bool complete() const;
  // Complete, nothing after it, and the server does not want to close.
  bool reusable() const;

 private:
  struct State;
  Result<> parse();

  std::unique_ptr<State> state_;
  bool failed_ = false;
};

}  // namespace weft::io
