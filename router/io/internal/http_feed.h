// SPDX-License-Identifier: Apache-2.0
// Gives one of Beast's HTTP parsers the bytes that have come, and keeps those it cannot use yet.
// Two things the parser (Boost 1.74) leaves to its caller:
// - Once it has seen the size of the last chunk it asserts that five bytes are there at the next
//   call, so "0\r\n", "\r", "\n" in three pieces would end the process. Any rest of a chunked body
//   has at least the five of "0\r\n\r\n", so nothing is delayed by waiting for them.
// - It has limits for the head and the body, but none for what stands between and after chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/bytes.h"

namespace weft::io {

class HttpFeed {
 public:
  using ErrorCode = boost::system::error_code;

  // `unread_max`: of a head, of a chunk's extensions, of the fields after the last chunk.
  explicit HttpFeed(std::uint32_t unread_max) : unread_max_(unread_max) {}

  void append(ByteView bytes) { unread_.append(as_text(bytes)); }
  bool empty() const { return unread_.empty(); }
  // Before a parser's first use.
  void begin_message() { least_ = 1; }

  // True: the parser has taken something. Otherwise it failed, or waits for more.
  template <bool is_request>
  bool advance(boost::beast::http::basic_parser<is_request>& parser, ErrorCode& failed) {
    namespace http = boost::beast::http;
    failed = {};
    if (unread_.size() < least_) return false;
    const std::size_t used =
        parser.put(boost::asio::const_buffer(unread_.data(), unread_.size()), failed);
    unread_.erase(0, used);
    const bool waits = failed == http::error::need_more;
    least_ = waits && parser.is_header_done() && parser.chunked() ? kLastChunk : 1;
    if (waits) {
      failed =
          unread_.size() > unread_max_ ? make_error_code(http::error::header_limit) : ErrorCode();
    }
    return !waits && !failed && used > 0;
  }

 private:
  static constexpr std::size_t kLastChunk = 5;  // "0\r\n\r\n"

  std::uint32_t unread_max_;
  std::string unread_;
  std::size_t least_ = 1;  // so many bytes must be there before the parser is asked again
};

}  // namespace weft::io
