// SPDX-License-Identifier: Apache-2.0
#include "crypto/session_key.h"

#include <sodium.h>

#include "base/ensure.h"
#include "crypto/internal/sodium_bytes.h"

namespace weft::crypto {
namespace {

static_assert(kPublicKeySize == crypto_box_PUBLICKEYBYTES);
static_assert(Secret<32>::kSize == crypto_box_SECRETKEYBYTES);
static_assert(Secret<32>::kSize == crypto_box_BEFORENMBYTES);
static_assert(Secret<32>::kSize == crypto_hash_sha256_BYTES);

Secret<32> hash(const Secret<32>& shared, const Password& password) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, in(shared.reveal().data()), Secret<32>::kSize);
  ByteView text = password.reveal();
  crypto_hash_sha256_update(&state, in(text.data()), text.size());
  Secret<32> digest;
  crypto_hash_sha256_final(&state, out(digest.fill().data()));
  sodium_memzero(&state, sizeof state);
  return digest;
}

}  // namespace

KeyPair KeyPair::generate(Rng& rng) {
  Secret<32> secret;
  rng.fill(secret.fill());
  return from_private(std::move(secret));
}

KeyPair KeyPair::from_private(Secret<32> private_key) {
  KeyPair pair{.private_key = std::move(private_key)};
  int failed =
      crypto_scalarmult_base(out(pair.public_key.data()), in(pair.private_key.reveal().data()));
  ensure(failed == 0, "crypto: no public key for a private key");
  return pair;
}

Result<SessionKey> SessionKey::agree(const KeyPair& ours, const PublicKey& theirs,
                                     const Password& password) {
  Secret<32> shared;
  if (crypto_box_beforenm(out(shared.fill().data()), in(theirs.data()),
                          in(ours.private_key.reveal().data())) != 0) {
    return Error{.code = Errc::refused, .what = "peer's public key is not a usable one"};
  }
  return SessionKey(hash(shared, password));
}

}  // namespace weft::crypto
