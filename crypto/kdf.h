// SPDX-License-Identifier: Apache-2.0
// HKDF-SHA256 (RFC 5869): turns one shared secret into as many independent keys as are asked for.
#pragma once

#include "base/bytes.h"
#include "crypto/secret.h"

namespace weft::crypto {

// RFC 5869 allows 255 blocks; nobody here needs more than four.
inline constexpr std::size_t kHkdfOutputMax = 4 * 32;

// Fills `okm` (at most kHkdfOutputMax bytes). `ikm` is the secret, `salt` may be public, `info`
// names the purpose, so that keys for different purposes never meet.
void hkdf_sha256(ByteView ikm, ByteView salt, ByteView info, ByteSpan okm);

}  // namespace weft::crypto
