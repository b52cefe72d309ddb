// SPDX-License-Identifier: Apache-2.0
// Gives one of Beast's HTTP parsers the bytes that have come, and keeps those it cannot use yet.
// Three things the parser (Boost 1.81) leaves to its caller:
// - Once it has seen the size of the last chunk it asserts that five bytes are there at the next
//   call, so "0\r\n", "\r", "\n" in three pieces would end the process. Any rest of a chunked body
//   has at least the five of "0\r\n\r\n", so nothing is delayed by waiting for them.
// - Its limit of the head is one of each call: fields that came whole in earlier calls don't count.
// - It has no limit for what stands between and after chunks.
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

  // `header_max`: of a head, of a chunk's extensions, of the fields after the last chunk.
  explicit HttpFeed(std::uint32_t header_max) : header_max_(header_max) {}

  void append(ByteView bytes) { unread_.append(as_text(bytes)); }
  bool empty() const { return unread_.empty(); }
  // Before a parser's first use.
  void begin_message() {
    least_ = 1;
    head_ = 0;
    if (unread_.empty()) std::string().swap(unread_);  // a connection at rest holds no memory
  }

  // True: the parser has taken something. Otherwise it failed, or waits for more.
  template <bool is_request>
  bool advance(boost::beast::http::basic_parser<is_request>& parser, ErrorCode& failed) {
    namespace http = boost::beast::http;
    failed = {};
    if (unread_.size() < least_) return false;
    const bool in_head = !parser.is_header_done();
    if (in_head && head_ >= header_max_) {
      failed = http::error::header_limit;
      return false;
    }
    if (in_head) parser.header_limit(static_cast<std::uint32_t>(header_max_ - head_));
    const std::size_t used =
        parser.put(boost::asio::const_buffer(unread_.data(), unread_.size()), failed);
    unread_.erase(0, used);
    if (in_head) head_ += used;
    const bool waits = failed == http::error::need_more;
    least_ = waits && parser.is_header_done() && parser.chunked() ? kLastChunk : 1;
    if (waits) {
      failed =
          unread_.size() > header_max_ ? make_error_code(http::error::header_limit) : ErrorCode();
    }
    return !waits && !failed && used > 0;
  }

 private:
  static constexpr std::size_t kLastChunk = 5;  // "0\r\n\r\n"

  std::uint32_t header_max_;
  std::string unread_;
  std::size_t head_ = 0;   // bytes of the message that the parser took while in its head
  std::size_t least_ = 1;  // so many bytes must be there before the parser is asked again
};

}  // namespace weft::io
