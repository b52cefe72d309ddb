// SPDX-License-Identifier: Apache-2.0
// Seals and opens sleeve datagrams: secretbox with the connection's session key and the nonce
// 0x80-if-dialler | 15 zero bytes | sequence number with the DF flag on top. Replay is checked
// elsewhere, after opening. Source: weave router/sleeve; layout in docs/wire/sleeve.md.
#pragma once

#include <cstdint>

#include "crypto/session_key.h"

namespace weft::crypto {

class FrameBox {
 public:
  FrameBox(SessionKey key, bool outbound) : key_(std::move(key)), outbound_(outbound) {}

  // Seals in place: `box` starts with 16 bytes of room for the tag, the plaintext follows.
  void seal(std::uint64_t sequence_and_df, ByteSpan box) const;
  // Opens in place; the plaintext is box.subspan(16). False, and unspecified contents, if forged.
  bool open(std::uint64_t sequence_and_df, ByteSpan box) const;

 private:
  SessionKey key_;
  bool outbound_;
};

}  // namespace weft::crypto
