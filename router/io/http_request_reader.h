// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 requests from the bytes of a connection, for the server. Sans-IO, for hostile input:
// whatever comes, the reader holds no more than its limits allow.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "router/io/http.h"

namespace weft::io {

class HttpRequestReader {
 public:
  struct Limits {
    std::uint32_t header_max = 16 * 1024;
    std::uint64_t body_max = 1024 * 1024;
  };
  explicit HttpRequestReader(const Limits& limits);
  HttpRequestReader(const HttpRequestReader&) = delete;
  HttpRequestReader& operator=(const HttpRequestReader&) = delete;
  ~HttpRequestReader();

  // Bytes as they come; none: go on with those that followed the request taken last. What comes
  // before a complete one is taken waits. bad_value: not HTTP, a target or form that does not
  // parse; too_large: over a limit. It reads no more after an error, and refusal() is the status to
  // answer.
  Result<> feed(ByteView bytes);
  unsigned refusal() const { return refusal_; }

  // The client waits for "100 Continue" before it sends the body. True once for a request.
  bool take_expectation();
  bool complete() const;
  // The client does not want the connection closed after the reply. Of a complete request.
  bool keep_alive() const;
  // The complete request; the next one begins. Fields after a chunked body are left out.
  HttpRequest take();

 private:
  struct State;
  Result<> refuse(unsigned status, const Error& error);

  std::unique_ptr<State> state_;
  unsigned refusal_ = 0;
};

}  // namespace weft::io
