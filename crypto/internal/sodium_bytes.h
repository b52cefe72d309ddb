// SPDX-License-Identifier: Apache-2.0
// libsodium speaks of unsigned char where we speak of bytes; this is the only place that says so.
#pragma once

#include "base/bytes.h"

namespace weft::crypto {

inline const unsigned char* in(const Byte* p) {
  return reinterpret_cast<const unsigned char*>(p);
}
inline unsigned char* out(Byte* p) {
  return reinterpret_cast<unsigned char*>(p);
}

}  // namespace weft::crypto
