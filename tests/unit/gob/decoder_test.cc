// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/decoder.h"

#include <map>

#include <doctest/doctest.h>

#include "gossip/gob/encoder.h"
#include "tests/unit/gob/samples.h"

using namespace weft;
using namespace weft::gob;
using namespace weft::gob::samples;

namespace {

Bytes bytes_of(std::string_view hex) {
  return *from_hex(hex);
}

constexpr std::string_view kRangeHex =
    "25ff810301010552616e676501ff82000102010553746172740106000103456e64010600000"
    "00fff8201fc0a20000001fc0a30000000";

Result<std::pair<std::uint32_t, std::uint32_t>> read_range(ByteView in) {
  Decoder d(in);
  std::pair<std::uint32_t, std::uint32_t> out;
  for (d.expect(kRange); auto field = d.next_field();) {
    (*field == 0 ? out.first : out.second) = d.u32();
  }
  if (auto ok = d.finish(); !ok) return ok.error();
  return out;
}

}  // namespace

TEST_CASE("gob decoder: structs: a range from Go is read") {
  auto range = read_range(bytes_of(kRangeHex));
  REQUIRE(range.has_value());
  CHECK(range->first == 0x0a200000);
  CHECK(range->second == 0x0a300000);
}

TEST_CASE("gob decoder: truncation: every prefix of a stream is refused") {
  Bytes whole = bytes_of(kRangeHex);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CHECK_FALSE(read_range(ByteView(whole).first(n)).has_value());
  }
  whole.push_back(Byte{0});
  CHECK_FALSE(read_range(whole).has_value());
}

TEST_CASE("gob decoder: maps: struct keys and elements come in turn, unread ones are skipped") {
  Bytes in;
  Encoder e(in);
  e.begin(kPaxos).open(2);
  for (std::uint64_t i = 1; i <= 2; ++i) {
    e.open().field(0).uint(i).field(1).uint(7).close();
    e.open().field(0).open().field(0).uint(i).field(1).open().close().close();
    e.field(1).open().field(1).open().close().close();
    e.field(2).open().field(0).open(2).uint(5).uint(6).close().close().close();
  }
  e.close();
  Decoder d(in);
  REQUIRE(d.begin(kPaxos));
  CHECK(d.enter() == 2);
  std::vector<std::uint64_t> names;
  std::vector<std::uint64_t> rounds;
  while (d.next_element()) {
    for (d.enter(); auto field = d.next_field();) {
      if (*field == 0) names.push_back(d.u64());
    }
    for (d.enter(); auto field = d.next_field();) {
      if (*field != 0) continue;
      for (d.enter(); auto inner = d.next_field();) {
        if (*inner == 0) rounds.push_back(d.u64());
      }
    }
  }
  CHECK(d.finish().has_value());
  CHECK(names == std::vector<std::uint64_t>{1, 2});
  CHECK(rounds == std::vector<std::uint64_t>{1, 2});
}
