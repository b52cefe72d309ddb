// SPDX-License-Identifier: Apache-2.0
// The one nonce layout of the session key: | flags 1 | zero 15 | counter 8, big endian |. The flags
// keep the two directions, and the TCP stream and the datagrams, apart from each other.
#pragma once

#include <array>
#include <cstdint>

#include <sodium.h>

#include "base/bytes.h"

namespace weft::crypto {

using Nonce = std::array<Byte, crypto_secretbox_NONCEBYTES>;

// Set by the side that dialled the TCP connection, on what it sends.
inline constexpr std::uint8_t kFromDialler = 0x80;
// Set on messages of the TCP stream, clear on datagrams.
inline constexpr std::uint8_t kStream = 0x40;

inline Nonce make_nonce(std::uint8_t flags, std::uint64_t counter) {
  Nonce nonce{};
  nonce[0] = static_cast<Byte>(flags);
  store_u64(ByteSpan(nonce).last(8), counter);
  return nonce;
}

}  // namespace weft::crypto
