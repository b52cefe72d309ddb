// SPDX-License-Identifier: Apache-2.0
#include "crypto/kdf.h"

#include <algorithm>

#include <sodium.h>

#include "base/ensure.h"
#include "crypto/internal/sodium_bytes.h"

namespace weft::crypto {
namespace {

constexpr std::size_t kHashSize = crypto_auth_hmacsha256_BYTES;
using Block = Secret<kHashSize>;

class Hmac {
 public:
  explicit Hmac(ByteView key) { crypto_auth_hmacsha256_init(&state_, in(key.data()), key.size()); }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac() { sodium_memzero(&state_, sizeof state_); }

  Hmac& add(ByteView bytes) {
    crypto_auth_hmacsha256_update(&state_, in(bytes.data()), bytes.size());
    return *this;
  }
  Block finish() {
    Block block;
    crypto_auth_hmacsha256_final(&state_, out(block.fill().data()));
    return block;
  }

 private:
  crypto_auth_hmacsha256_state state_{};
};

}  // namespace

void hkdf_sha256(ByteView ikm, ByteView salt, ByteView info, ByteSpan okm) {
  ensure(okm.size() <= kHkdfOutputMax, "more key bytes than hkdf_sha256 gives");
  Block prk = Hmac(salt).add(ikm).finish();
  Block previous;
  std::size_t done = 0;
  for (std::uint8_t i = 1; done < okm.size(); ++i) {
    const Byte counter[1] = {Byte{i}};
    Hmac mac(prk.reveal());
    if (i > 1) mac.add(previous.reveal());
    previous = mac.add(info).add(counter).finish();
    std::size_t n = std::min(kHashSize, okm.size() - done);
    std::copy_n(previous.reveal().begin(), n, okm.begin() + static_cast<std::ptrdiff_t>(done));
    done += n;
  }
}

}  // namespace weft::crypto
