// SPDX-License-Identifier: Apache-2.0
// A response read in pieces that the fuzzer chooses is the same as read at once, and within bounds.
#include "base/ensure.h"
#include "router/io/http_message.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::io;

namespace {

constexpr std::uint64_t kBodyMax = 1000;

struct Read {
  bool good = true;
  bool complete = false;
  unsigned status = 0;
  std::string body;
  friend bool operator==(const Read&, const Read&) = default;
};

Read read(ByteView bytes, std::size_t piece) {
  HttpResponseReader reader({.header_max = 2000, .body_max = kBodyMax}, false);
  Read out;
  while (!bytes.empty() && out.good) {
    const std::size_t size = std::min(piece, bytes.size());
    out.good = reader.feed(bytes.first(size)).has_value();
    bytes = bytes.subspan(size);
  }
  out.complete = reader.complete();
  if (reader.head() != nullptr) out.status = reader.head()->status;
  out.body = reader.take_body();
  ensure(out.body.size() <= kBodyMax, "a body over its bound");
  if (out.good && !out.complete) static_cast<void>(reader.feed_end());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView bytes = fuzz::view(data, size);
  const Read whole = read(bytes.subspan(1), size);
  const Read pieces = read(bytes.subspan(1), 1 + data[0] % 16);
  // A response that is complete before the nonsense begins is complete either way.
  if (whole.complete) ensure(whole == pieces, "pieces read otherwise than the whole");
  return 0;
}
