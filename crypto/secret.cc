// SPDX-License-Identifier: Apache-2.0
#include "crypto/secret.h"

#include <sodium.h>

namespace weft::crypto {

void wipe(ByteSpan memory) {
  if (!memory.empty()) sodium_memzero(memory.data(), memory.size());
}

}  // namespace weft::crypto
