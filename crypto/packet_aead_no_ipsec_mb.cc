// SPDX-License-Identifier: Apache-2.0
// For machines that intel-ipsec-mb is not made for: libsodium serves alone.
#include "crypto/internal/aead_makers.h"

namespace weft::crypto {

std::unique_ptr<PacketAead> make_ipsec_mb_aead(Cipher, const Secret<32>&) {
  return nullptr;
}

}  // namespace weft::crypto
