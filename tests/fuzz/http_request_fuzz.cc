// SPDX-License-Identifier: Apache-2.0
// Requests in a row, read in pieces of two sizes that the fuzzer chooses: the same as read at once,
// and within bounds.
#include <algorithm>
#include <array>
#include <utility>

#include "base/ensure.h"
#include "router/io/http_request_reader.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::io;

namespace {

constexpr std::uint64_t kBodyMax = 1000;
constexpr std::size_t kHeaderMax = 2000;

void append(std::string& out, const HttpRequest& request, bool keep_alive) {
  out.append(request.method).append(" ").append(request.path).append(keep_alive ? "+" : "-");
  std::size_t held = 0;
  for (const auto& [name, value] : request.headers) {
    held += name.size() + value.size();
    out.append(name).append(value).append(",");
  }
  ensure(held <= kHeaderMax, "header fields over their bound");
  for (const auto& [name, value] : request.parameters)
    out.append(name).append("=").append(value).append("&");
  ensure(request.body.size() <= kBodyMax, "a body over its bound");
  out.append(request.body).append("\n");
}

// All that was asked for.
std::string read(ByteView bytes, std::array<std::size_t, 2> pieces) {
  HttpRequestReader reader({.header_max = kHeaderMax, .body_max = kBodyMax});
  std::string out;
  while (!bytes.empty() && reader.refusal() == 0) {
    const std::size_t size = std::min(pieces[0], bytes.size());
    std::swap(pieces[0], pieces[1]);
    auto fed = reader.feed(bytes.first(size));
    bytes = bytes.subspan(size);
    static_cast<void>(reader.take_expectation());
    while (fed && reader.complete()) {
      const bool keep_alive = reader.keep_alive();
      append(out, reader.take(), keep_alive);
      fed = reader.feed({});
    }
    ensure(fed.has_value() == (reader.refusal() == 0), "an error without a status");
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const ByteView bytes = fuzz::view(data, size).subspan(2);
  const std::string in_pieces = read(bytes, {1 + std::size_t{data[0]}, 1 + std::size_t{data[1]}});
  // Over its limit, a head is refused at another byte when it comes in pieces, and whether one that
  // has not come to its end is refused yet or waited for depends on them too.
  if (bytes.size() > kHeaderMax) return 0;
  ensure(read(bytes, {size, size}) == in_pieces, "pieces read otherwise than the whole");
  return 0;
}
