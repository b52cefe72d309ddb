// SPDX-License-Identifier: Apache-2.0
#include "crypto/key_agreement.h"

#include <sodium.h>

#include "crypto/internal/sodium_bytes.h"

namespace weft::crypto {

static_assert(kPublicKeySize == crypto_scalarmult_BYTES);
static_assert(Secret<32>::kSize == crypto_scalarmult_SCALARBYTES);

EphemeralKey EphemeralKey::generate(Rng& rng) {
  return EphemeralKey(KeyPair::generate(rng));
}

EphemeralKey EphemeralKey::from_private(Secret<32> private_key) {
  return EphemeralKey(KeyPair::from_private(std::move(private_key)));
}

Result<Secret<32>> EphemeralKey::agree(const PublicKey& theirs) && {
  const Secret<32> ours = std::move(pair_.private_key);
  Secret<32> shared;
  if (crypto_scalarmult(out(shared.fill().data()), in(ours.reveal().data()), in(theirs.data())) !=
      0) {
    return Error{.code = Errc::refused, .what = "peer's public key is not a usable one"};
  }
  return Result<Secret<32>>(std::move(shared));
}

}  // namespace weft::crypto
