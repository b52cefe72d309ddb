// SPDX-License-Identifier: Apache-2.0
// The two integer codings all of gob is made of, and a cursor that reads them. Like Reader, the
// cursor fails stickily and returns zeros from then on.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace weft::gob {

// One byte below 128; else a byte 256 - n and n big-endian bytes.
void put_uint(Bytes& out, std::uint64_t v);
// The sign goes to bit 0, with the other bits complemented if it is set.
void put_sint(Bytes& out, std::int64_t v);
void put_text(Bytes& out, ByteView v);

class Cursor {
 public:
  Cursor() = default;
  explicit Cursor(ByteView in) : rest_(in) {}

  // Accepts more bytes than needed, as Go does.
  std::uint64_t uint() {
    if (rest_.empty()) return fail();
    auto first = std::to_integer<std::uint8_t>(rest_[0]);
    rest_ = rest_.subspan(1);
    return first < 0x80 ? first : long_uint(first);
  }
  std::int64_t sint() {
    std::uint64_t v = uint();
    return static_cast<std::int64_t>((v & 1) != 0 ? ~(v >> 1) : v >> 1);
  }
  // A count and as many bytes.
  ByteView text() { return take(uint()); }
  ByteView take(std::uint64_t n) {
    if (n > rest_.size()) {
      fail();
      return {};
    }
    ByteView taken = rest_.first(static_cast<std::size_t>(n));
    rest_ = rest_.subspan(static_cast<std::size_t>(n));
    return taken;
  }
  // A number of elements, each of which takes a byte at least.
  std::uint64_t count() {
    std::uint64_t n = uint();
    return n <= rest_.size() ? n : fail();
  }

  bool empty() const { return rest_.empty(); }
  bool failed() const { return failed_; }
  std::size_t size() const { return rest_.size(); }

 private:
  std::uint64_t long_uint(std::uint8_t first);
  std::uint64_t fail() {
    failed_ = true;
    rest_ = {};
    return 0;
  }

  ByteView rest_;
  bool failed_ = false;
};

// Walks a struct in gob form: deltas between field numbers, ended by 0.
class FieldWalk {
 public:
  explicit FieldWalk(std::size_t field_count) : field_count_(field_count) {}

  // The number of the next field, whose value follows in `in`; nothing at the end of the struct.
  // A number that the definition does not have sets bad().
  std::optional<std::size_t> next(Cursor& in) {
    std::uint64_t delta = in.uint();
    if (delta == 0) return std::nullopt;
    if (delta > field_count_ - next_) {
      bad_ = true;
      return std::nullopt;
    }
    next_ += static_cast<std::size_t>(delta);
    return next_ - 1;
  }
  bool bad() const { return bad_; }

 private:
  std::size_t field_count_;
  std::size_t next_ = 0;
  bool bad_ = false;
};

}  // namespace weft::gob
