// SPDX-License-Identifier: Apache-2.0
// Byte strings and the two cursors every wire format is written with. Both cursors fail stickily:
// after the first bad read a Reader returns zeros, so callers check once, at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weft {

using Byte = std::byte;
using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using ByteSpan = std::span<std::byte>;

// Views the characters of `text` as bytes; valid as long as `text` is.
ByteView as_bytes(std::string_view text);
// Views bytes as characters; valid as long as the bytes are.
std::string_view as_text(ByteView bytes);
Bytes to_bytes(ByteView view);
void append(Bytes& to, ByteView more);

std::string to_hex(ByteView bytes);
// nullopt for odd length or a non-hexadecimal digit.
std::optional<Bytes> from_hex(std::string_view hex);

// Reads big-endian integers and byte runs from the front of a view.
class Reader {
 public:
  explicit Reader(ByteView in) : rest_(in) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(big_endian(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(big_endian(4)); }
  std::uint64_t u48() { return big_endian(6); }
  std::uint64_t u64() { return big_endian(8); }
  // The next n bytes, or an empty view (and failure) if fewer are left.
  ByteView take(std::size_t n);
  void skip(std::size_t n) { take(n); }

  ByteView rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }
  // Error if anything failed (truncated) or anything is left (trailing).
  Result<> finish() const;

 private:
  std::uint64_t big_endian(std::size_t size);

  ByteView rest_;
  bool failed_ = false;
};

// Appends big-endian integers and byte runs to a buffer that outlives it.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  Writer& u8(std::uint8_t v) { return big_endian(v, 1); }
  Writer& u16(std::uint16_t v) { return big_endian(v, 2); }
  Writer& u32(std::uint32_t v) { return big_endian(v, 4); }
  Writer& u48(std::uint64_t v) { return big_endian(v, 6); }
  Writer& u64(std::uint64_t v) { return big_endian(v, 8); }
  Writer& bytes(ByteView v);
  Writer& zeros(std::size_t n);

 private:
  Writer& big_endian(std::uint64_t v, std::size_t size);

  Bytes& out_;
};

// Fixed-place big-endian access for packet headers; the caller has checked the length.
std::uint16_t load_u16(ByteView at);
std::uint32_t load_u32(ByteView at);
std::uint64_t load_u64(ByteView at);
void store_u16(ByteSpan at, std::uint16_t v);
void store_u32(ByteSpan at, std::uint32_t v);
void store_u64(ByteSpan at, std::uint64_t v);

}  // namespace weft
