// SPDX-License-Identifier: Apache-2.0
// The key of one mesh connection: SHA-256(crypto_box_beforenm(their public, our private) ||
// password). Source: weaveworks/mesh, connection set-up; see docs/wire/gossip-framing.md.
#pragma once

#include "base/rng.h"
#include "crypto/secret.h"

namespace weft::crypto {

inline constexpr std::size_t kPublicKeySize = 32;
using PublicKey = std::array<Byte, kPublicKeySize>;

// A Curve25519 pair, fresh for every connection.
struct KeyPair {
  PublicKey public_key{};
  Secret<32> private_key;

  static KeyPair generate(Rng& rng);
  static KeyPair from_private(Secret<32> private_key);
};

// 32 secret bytes, one per connection. Shared by the stream box and the frame box, whose nonces
// never meet (bit 0x40 of the first byte). Copyable on purpose: it travels in an effect.
class SessionKey {
 public:
  explicit SessionKey(Secret<32> bytes) : bytes_(std::move(bytes)) {}
  SessionKey(const SessionKey& other) : bytes_(other.bytes_.clone()) {}
  SessionKey& operator=(const SessionKey& other) {
    if (this != &other) bytes_ = other.bytes_.clone();
    return *this;
  }
  SessionKey(SessionKey&&) noexcept = default;
  SessionKey& operator=(SessionKey&&) noexcept = default;
  ~SessionKey() = default;

  // Error if their key is a low-order point (the shared secret would be known to anybody).
  static Result<SessionKey> agree(const KeyPair& ours, const PublicKey& theirs,
                                  const Password& password);
  std::span<const Byte, 32> reveal() const { return bytes_.reveal(); }

 private:
  Secret<32> bytes_;
};

}  // namespace weft::crypto
