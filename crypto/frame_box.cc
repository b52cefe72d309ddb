// SPDX-License-Identifier: Apache-2.0
#include "crypto/frame_box.h"

#include "base/ensure.h"
#include "crypto/internal/nonce.h"
#include "crypto/internal/sodium_bytes.h"
#include "crypto/stream_box.h"

namespace weft::crypto {
namespace {

Nonce frame_nonce(bool from_dialler, std::uint64_t sequence_and_df) {
  return make_nonce(from_dialler ? kFromDialler : 0, sequence_and_df);
}

}  // namespace

void FrameBox::seal(std::uint64_t sequence_and_df, ByteSpan box) const {
  ensure(box.size() >= kBoxOverhead, "crypto: no room for the tag of a frame");
  Nonce nonce = frame_nonce(outbound_, sequence_and_df);
  ByteSpan text = box.subspan(kBoxOverhead);
  int failed = crypto_secretbox_detached(out(text.data()), out(box.data()), in(text.data()),
                                         text.size(), in(nonce.data()), in(key_.reveal().data()));
  ensure(failed == 0, "crypto: a frame does not seal");
}

bool FrameBox::open(std::uint64_t sequence_and_df, ByteSpan box) const {
  if (box.size() < kBoxOverhead) return false;
  Nonce nonce = frame_nonce(!outbound_, sequence_and_df);
  ByteSpan text = box.subspan(kBoxOverhead);
  return crypto_secretbox_open_detached(out(text.data()), in(text.data()), in(box.data()),
                                        text.size(), in(nonce.data()),
                                        in(key_.reveal().data())) == 0;
}

}  // namespace weft::crypto
