// SPDX-License-Identifier: Apache-2.0
// X25519 (RFC 7748) for keys that are used once: a fresh pair, one agreement, and nothing is left.
// What comes out is input for a key derivation, never a key by itself.
#pragma once

#include "base/rng.h"
#include "crypto/secret.h"
#include "crypto/session_key.h"

namespace weft::crypto {

class EphemeralKey {
 public:
  static EphemeralKey generate(Rng& rng);
  static EphemeralKey from_private(Secret<32> private_key);

  const PublicKey& public_key() const { return pair_.public_key; }
  // The secret shared with the owner of `theirs`; our private key is wiped, whatever the outcome.
  // Error: `theirs` is a low-order point, with which anybody would know the secret.
  Result<Secret<32>> agree(const PublicKey& theirs) &&;

 private:
  explicit EphemeralKey(KeyPair pair) : pair_(std::move(pair)) {}

  KeyPair pair_;
};

}  // namespace weft::crypto
