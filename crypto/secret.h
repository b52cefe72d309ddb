// SPDX-License-Identifier: Apache-2.0
// Secrets that wipe themselves and cannot be copied by accident or printed.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"

namespace weft::crypto {

// Overwrites memory in a way the optimiser keeps.
void wipe(ByteSpan memory);

// N secret bytes. Copies are explicit (clone), moves wipe the source.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t kSize = N;

  Secret() = default;
  explicit Secret(std::span<const Byte, N> bytes) {
    for (std::size_t i = 0; i < N; ++i)
      bytes_[i] = bytes[i];
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_);
    }
    return *this;
  }
  ~Secret() { wipe(bytes_); }

  Secret clone() const { return Secret(std::span<const Byte, N>(bytes_)); }
  // For the primitives in crypto/ and for tests; never for logs.
  std::span<const Byte, N> reveal() const { return bytes_; }
  std::span<Byte, N> fill() { return bytes_; }

 private:
  std::array<Byte, N> bytes_{};
};

// The mesh password: a raw byte string, no encoding assumed.
class Password {
 public:
  // Empty passwords mean "no encryption" and are handled by the caller as nullopt.
  explicit Password(std::string_view text) : bytes_(to_bytes(as_bytes(text))) {}
  Password(const Password&) = default;
  Password& operator=(const Password& other) {
    if (this != &other) {
      wipe(bytes_);
      bytes_ = other.bytes_;
    }
    return *this;
  }
  Password(Password&&) noexcept = default;
  Password& operator=(Password&& other) noexcept {
    if (this != &other) {
      wipe(bytes_);
      bytes_ = std::move(other.bytes_);
    }
    return *this;
  }
  ~Password() { wipe(bytes_); }

  ByteView reveal() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace weft::crypto
