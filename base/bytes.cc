// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include "base/ensure.h"

namespace weft {
namespace {

std::uint64_t load(ByteView at, std::size_t size) {
  ensure(at.size() >= size, "load past the end of a buffer");
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < size; ++i)
    v = v << 8 | std::to_integer<std::uint64_t>(at[i]);
  return v;
}

void store(ByteSpan at, std::uint64_t v, std::size_t size) {
  ensure(at.size() >= size, "store past the end of a buffer");
  for (std::size_t i = 0; i < size; ++i)
    at[i] = static_cast<Byte>(v >> (8 * (size - 1 - i)));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}

void append(Bytes& to, ByteView more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (Byte b : bytes) {
    hex += kDigits[std::to_integer<unsigned>(b) >> 4];
    hex += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return hex;
}

std::optional<Bytes> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    int high = hex_digit(hex[i]);
    int low = hex_digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<Byte>(high << 4 | low));
  }
  return out;
}

ByteView Reader::take(std::size_t n) {
  if (failed_ || n > rest_.size()) {
    failed_ = true;
    return {};
  }
  ByteView taken = rest_.first(n);
  rest_ = rest_.subspan(n);
  return taken;
}

Result<> Reader::finish() const {
  if (failed_) return Error{.code = Errc::truncated, .what = "input is truncated"};
  if (!rest_.empty()) return Error{.code = Errc::trailing, .what = "bytes after the end of input"};
  return {};
}

std::uint64_t Reader::big_endian(std::size_t size) {
  ByteView taken = take(size);
  return taken.empty() ? 0 : load(taken, size);
}

Writer& Writer::bytes(ByteView v) {
  append(out_, v);
  return *this;
}

Writer& Writer::zeros(std::size_t n) {
  out_.insert(out_.end(), n, Byte{0});
  return *this;
}

Writer& Writer::big_endian(std::uint64_t v, std::size_t size) {
  for (std::size_t i = size; i-- > 0;)
    out_.push_back(static_cast<Byte>(v >> (8 * i)));
  return *this;
}

std::uint16_t load_u16(ByteView at) {
  return static_cast<std::uint16_t>(load(at, 2));
}
std::uint32_t load_u32(ByteView at) {
  return static_cast<std::uint32_t>(load(at, 4));
}
std::uint64_t load_u64(ByteView at) {
  return load(at, 8);
}
void store_u16(ByteSpan at, std::uint16_t v) {
  store(at, v, 2);
}
void store_u32(ByteSpan at, std::uint32_t v) {
  store(at, v, 4);
}
void store_u64(ByteSpan at, std::uint64_t v) {
  store(at, v, 8);
}

}  // namespace weft
