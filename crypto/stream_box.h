// SPDX-License-Identifier: Apache-2.0
// Seals and opens the messages of one mesh TCP connection: secretbox (XSalsa20-Poly1305), tag
// first, counter nonces. Source: weaveworks/mesh gossip crypto; layout in
// docs/wire/gossip-framing.md.
#pragma once

#include <cstdint>

#include "crypto/session_key.h"

namespace weft::crypto {

inline constexpr std::size_t kBoxOverhead = 16;

class StreamBox {
 public:
  // `outbound`: we dialled. Both counters start at 0.
  StreamBox(SessionKey key, bool outbound) : key_(std::move(key)), outbound_(outbound) {}

  Bytes seal(ByteView plain);
  // Error when the message does not open: wrong password, tampering, or a lost message.
  Result<Bytes> open(ByteView sealed);

 private:
  SessionKey key_;
  bool outbound_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace weft::crypto
