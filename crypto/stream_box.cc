// SPDX-License-Identifier: Apache-2.0
#include "crypto/stream_box.h"

#include "base/ensure.h"
#include "crypto/internal/nonce.h"
#include "crypto/internal/sodium_bytes.h"

namespace weft::crypto {
namespace {

static_assert(kBoxOverhead == crypto_secretbox_MACBYTES);

Nonce stream_nonce(bool from_dialler, std::uint64_t counter) {
  auto flags = static_cast<std::uint8_t>(kStream | (from_dialler ? kFromDialler : 0));
  return make_nonce(flags, counter);
}

}  // namespace

Bytes StreamBox::seal(ByteView plain) {
  Nonce nonce = stream_nonce(outbound_, sent_++);
  Bytes sealed(kBoxOverhead + plain.size());
  int failed = crypto_secretbox_easy(out(sealed.data()), in(plain.data()), plain.size(),
                                     in(nonce.data()), in(key_.reveal().data()));
  ensure(failed == 0, "crypto: a stream message does not seal");
  return sealed;
}

Result<Bytes> StreamBox::open(ByteView sealed) {
  if (sealed.size() < kBoxOverhead) {
    return Error{.code = Errc::truncated, .what = "sealed message is shorter than its tag"};
  }
  Nonce nonce = stream_nonce(!outbound_, received_);
  Bytes plain(sealed.size() - kBoxOverhead);
  if (crypto_secretbox_open_easy(out(plain.data()), in(sealed.data()), sealed.size(),
                                 in(nonce.data()), in(key_.reveal().data())) != 0) {
    return Error{.code = Errc::refused, .what = "Unable to decrypt TCP msg"};
  }
  ++received_;
  return plain;
}

}  // namespace weft::crypto
