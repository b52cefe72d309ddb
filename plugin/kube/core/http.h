// SPDX-License-Identifier: Apache-2.0
// HTTP towards the Kubernetes API as values: what machines ask for, and what a client answers. The
// client knows host, TLS and token; it decides nothing and repeats nothing.
//
// A machine that speaks HTTP has these inputs, and each ends with the list that effects go to:
//
//   on_response(now, id, response, out)              the whole answer to a plain request
//   on_stream_open(now, id, status, retry_after, out)  a stream's status line and headers are here;
//                                                    whatever the status, its body follows
//   on_stream_bytes(now, id, bytes, out)             a part of the body, cut anywhere
//   on_stream_end(now, id, why, out)                 the body ended as HTTP says it should, or not
//   on_failure(now, id, error, out)                  no answer, or only a part of one
//   on_deadline(now, out), next_deadline()           the driver arms one timer
//
// For each Send there is exactly one on_response, on_stream_end or on_failure, unless a Cancel came
// first; after a Cancel there is none. A machine ignores ids that it does not wait for, so a driver
// may hand every answer to every machine.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace weft::kube {

struct RequestId {
  std::uint64_t value = 0;  // 0: none
  explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(RequestId, RequestId) = default;
};

// Numbers requests; one for all machines that share a client.
class RequestIds {
 public:
  RequestId next() { return {++last_}; }

 private:
  std::uint64_t last_ = 0;
};

// How long a plain answer may take. An API server gives up on its own requests after 60 s; nothing
// we ask of it takes a tenth of that while it is well.
inline constexpr std::chrono::milliseconds kRequestTimeout{15'000};
// How much later than the client a machine gives up by itself, in case the client's word is lost.
inline constexpr std::chrono::seconds kAnswerGrace{5};
// The longest body of a plain answer that a client takes: a page of nodes with long image lists.
// A longer one is on_failure with Errc::too_large, upon which lists ask for smaller pages.
inline constexpr std::size_t kResponseBodyMax = std::size_t{16} * 1024 * 1024;
// Clients cut Retry-After here: nothing is worth waiting longer for without asking again.
inline constexpr std::chrono::seconds kRetryAfterMax{300};

struct HttpRequest {
  std::string method;  // GET, POST, PUT, PATCH, DELETE
  std::string target;  // path and query, percent-encoded
  std::string body;    // JSON; empty: none
  std::string content_type;
  bool stream = false;  // the body is handed on as it comes
  // Of the whole answer; of a stream: of silence, up to the headers and between parts of the body.
  // When it is over the client closes the connection and answers on_failure.
  std::chrono::milliseconds timeout = kRequestTimeout;

  friend bool operator==(const HttpRequest&, const HttpRequest&) = default;
};

struct HttpResponse {
  int status = 0;
  std::optional<std::chrono::seconds> retry_after;  // of the header, if it is a number
  std::string body;
};

// Why a stream's body is over.
enum class StreamEnd : std::uint8_t {
  complete,   // last chunk, or the announced length
  cut_short,  // the connection closed in the middle of the body
};

struct Send {
  RequestId id;
  HttpRequest request;
};
// Nobody waits for the answer any more; closes the stream.
struct Cancel {
  RequestId id;
};

}  // namespace weft::kube
