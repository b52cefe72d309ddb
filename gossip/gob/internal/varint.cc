// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/internal/varint.h"

namespace weft::gob {

void put_uint(Bytes& out, std::uint64_t v) {
  if (v < 0x80) {
    out.push_back(static_cast<Byte>(v));
    return;
  }
  unsigned size = 8;
  while (v >> (8 * (size - 1)) == 0)
    --size;
  out.push_back(static_cast<Byte>(0x100 - size));
  for (unsigned i = size; i-- > 0;)
    out.push_back(static_cast<Byte>(v >> (8 * i)));
}

void put_sint(Bytes& out, std::int64_t v) {
  auto bits = static_cast<std::uint64_t>(v);
  put_uint(out, v < 0 ? ~bits << 1 | 1 : bits << 1);
}

void put_text(Bytes& out, ByteView v) {
  put_uint(out, v.size());
  append(out, v);
}

std::uint64_t Cursor::long_uint(std::uint8_t first) {
  std::size_t size = 0x100U - first;
  if (size > 8 || size > rest_.size()) return fail();
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < size; ++i)
    v = v << 8 | std::to_integer<std::uint64_t>(rest_[i]);
  rest_ = rest_.subspan(size);
  return v;
}

}  // namespace weft::gob
