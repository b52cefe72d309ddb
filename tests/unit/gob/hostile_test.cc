// SPDX-License-Identifier: Apache-2.0
// Streams that no encoder of good will would send, and the ones that only look like it.
#include <doctest/doctest.h>

#include "base/rng.h"
#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "gossip/gob/internal/varint.h"
#include "tests/unit/gob/samples.h"

using namespace weft;
using namespace weft::gob;
using namespace weft::gob::samples;

namespace {

// Messages from their bodies, in hexadecimal.
Bytes stream(std::initializer_list<std::string_view> bodies) {
  Bytes out;
  for (std::string_view hex : bodies) {
    Bytes body = *from_hex(hex);
    put_text(out, body);
  }
  return out;
}

// Definitions of id 65: struct {Start, End uint}, and variations.
constexpr std::string_view kDefinition =
    "ff810301010552616e676501ff82000102010553746172740106000103456e6401060000"
    "00";

Errc read_error(const Bytes& in, const Type& type, Limits limits = {}) {
  Decoder d(in, limits);
  d.expect(type);
  if (type.kind == Kind::structure) {
    while (d.next_field()) {
    }
  } else {
    d.enter();
    while (d.next_element()) {
    }
  }
  auto ok = d.finish();
  REQUIRE_FALSE(ok.has_value());
  return ok.error().code;
}

bool reads(const Bytes& in, const Type& type) {
  Decoder d(in);
  d.expect(type);
  while (d.next_field()) {
  }
  return d.finish().has_value();
}

// A field {"X", type} as a struct of one field with id 65, and the definitions of what it uses.
std::string one_field(std::string_view name_hex, std::string_view type_id) {
  return "ff81030100010101" + std::string(name_hex) + "01" + std::string(type_id) + "000000";
}

}  // namespace

TEST_CASE("gob hostile: definitions: a type defined twice, or a built-in one, is refused") {
  CHECK(reads(stream({kDefinition, "ff8200"}), kRange));
  CHECK(read_error(stream({kDefinition, kDefinition, "ff8200"}), kRange) == Errc::bad_value);
  // -3: "uint" is what I say it is.
  std::string builtin = "05" + std::string(kDefinition.substr(4));
  CHECK(read_error(stream({builtin, "0600"}), kRange) == Errc::bad_value);
}

TEST_CASE("gob hostile: definitions: without a value after them the stream is cut short") {
  CHECK(read_error(stream({kDefinition}), kRange) == Errc::truncated);
  CHECK(read_error({}, kRange) == Errc::truncated);
}

TEST_CASE("gob hostile: definitions: undefined types are refused, be they our fields or not") {
  CHECK(read_error(stream({"ff8200"}), kRange) == Errc::bad_value);
  // "Start" of type 99, and an unknown field of type 99 next to "End".
  CHECK(read_error(stream({one_field("055374617274", "ffc6"), "ff8200"}), kRange) ==
        Errc::bad_value);
  CHECK(read_error(stream({"ff810301000102010158"
                           "01ffc6000103456e64"
                           "01060000"
                           "00",
                           "ff8200"}),
                   kRange) == Errc::bad_value);
}

TEST_CASE("gob hostile: definitions: rubbish, empty, double and trailing ones are refused") {
  for (std::string_view body : {"ff81", "ff8100", "ff810900", "ff8103ff", "ff810300",
                                "ff81030000ff", "ff8101010200020200", "ff81030101010200000300"}) {
    CAPTURE(body);
    CHECK(read_error(stream({body, "ff8200"}), kRange) == Errc::bad_value);
  }
  // A negative array length.
  CHECK(read_error(stream({"ff81010100010601030000"}), kRange) == Errc::bad_value);
}

TEST_CASE(
    "gob hostile: matching: kinds must agree and a top-level struct must have a field of ours") {
  // "Start" as int, string and bytes.
  for (std::string_view type : {"04", "0c", "0a"}) {
    CHECK(read_error(stream({one_field("055374617274", type), "ff8200"}), kRange) ==
          Errc::bad_value);
  }
  CHECK(reads(stream({one_field("055374617274", "06"), "ff8200"}), kRange));
  CHECK(read_error(stream({one_field("0158", "06"), "ff8200"}), kRange) == Errc::bad_value);
  CHECK(read_error(stream({"06000"
                           "7"}),
                   kRange) == Errc::bad_value);
  CHECK(read_error(stream({kDefinition, "ff8200"}), kStrings) == Errc::bad_value);
}

TEST_CASE("gob hostile: matching: a field that is defined twice is refused if we know it") {
  CHECK(read_error(stream({"ff810301000102"
                           "01055374617274010600"
                           "01055374617274010600"
                           "0000",
                           "ff8200"}),
                   kRange) == Errc::bad_value);
  CHECK(reads(stream({"ff810301000103"
                      "01055374617274010600"
                      "010158010600"
                      "010158010600"
                      "0000",
                      "ff820201010100"}),
              kRange));
}

TEST_CASE("gob hostile: values: wrong field numbers, lengths and leftovers are refused") {
  CHECK(read_error(stream({kDefinition,
                           "ff8203"
                           "0000"}),
                   kRange) == Errc::bad_value);
  CHECK(read_error(stream({kDefinition,
                           "ff82"
                           "f8ffffffffffffffff"
                           "00"}),
                   kRange) == Errc::bad_value);
  CHECK(read_error(stream({kDefinition, "ff820000"}), kRange) == Errc::trailing);
  CHECK(read_error(stream({kDefinition, "ff8201"}), kRange) == Errc::truncated);
  CHECK(read_error(stream({kDefinition, "ff820101"}), kRange) == Errc::truncated);
  CHECK(read_error(stream({kDefinition, ""}), kRange) == Errc::truncated);
  CHECK(read_error(stream({kDefinition, "ff8200", "ff8200"}), kRange) == Errc::trailing);
  // More bytes announced than a uint has, and than there are.
  CHECK(read_error(stream({kDefinition, "ff8201f7000000000000000001"}), kRange) == Errc::truncated);
  CHECK(read_error(stream({kDefinition, "ff820180"}), kRange) == Errc::truncated);
  // A singleton without its zero byte.
  Bytes bad = stream({"060107"});
  Decoder d(bad);
  CHECK_FALSE(d.begin(kUint));
}

TEST_CASE("gob hostile: numbers: what does not fit the width of its field is refused") {
  Bytes in;
  Encoder e(in);
  for (std::uint64_t v : {0xffffULL, 0x10000ULL, 0xffffffffULL, 0x100000000ULL}) {
    e.begin(kUint).uint(v);
  }
  Decoder d(in);
  d.expect(kUint);
  CHECK(d.u16() == 0xffff);
  d.expect(kUint);
  CHECK(d.u32() == 0x10000);
  d.expect(kUint);
  CHECK(d.u32() == 0xffffffff);
  d.expect(kUint);
  CHECK(d.u32() == 0);
  CHECK(d.finish().error().code == Errc::bad_value);
  Decoder again(in);
  again.expect(kUint);
  again.u16();
  again.expect(kUint);
  again.u16();
  CHECK(again.failed());
}

TEST_CASE("gob hostile: counts: a count beyond the bytes that are left is refused") {
  // []string with 2^62 elements, and a map with more pairs than bytes.
  CHECK(read_error(stream({"ff81020102ff8200010c0000",
                           "ff8200"
                           "f83fffffffffffffff"}),
                   kStrings) == Errc::truncated);
  CHECK(read_error(stream({"ff81040102ff8200010c010c0000",
                           "ff8200"
                           "05"
                           "0000"}),
                   kStringMap) == Errc::truncated);
  // A string longer than its message.
  CHECK(read_error(stream({"ff81020102ff8200010c0000",
                           "ff820001"
                           "7f6161"}),
                   kStrings) == Errc::truncated);
}

TEST_CASE("gob hostile: limits: messages, types, fields and elements are bounded") {
  Bytes fine = stream({kDefinition, "ff8200"});
  CHECK(read_error(fine, kRange, {.message_size_max = 20}) == Errc::too_large);
  CHECK(read_error(fine, kRange, {.type_count_max = 0}) == Errc::too_large);
  CHECK(read_error(fine, kRange, {.field_count_max = 1}) == Errc::too_large);
  Bytes strings;
  Encoder(strings).begin(kStrings).open(3).string("a").string("b").string("c").close();
  CHECK(read_error(strings, kStrings, {.element_count_max = 2}) == Errc::too_large);
  // A message of 2^63 bytes.
  CHECK(read_error(*from_hex("f88000000000000000"), kRange) == Errc::too_large);
}

TEST_CASE("gob hostile: depth: a type that contains itself is read over to the limit, not beyond") {
  // 65: struct {Start uint; X 65}. Each level of X is one byte more.
  std::string recursive =
      "ff810301000102"
      "01055374617274010600"
      "01015801ff8200"
      "0000";
  auto nested = [&](std::size_t depth) {
    std::string value = "ff82";
    for (std::size_t i = 0; i < depth; ++i)
      value += "02";
    for (std::size_t i = 0; i <= depth; ++i)
      value += "00";
    return stream({recursive, value});
  };
  CHECK(reads(nested(30), kRange));
  CHECK(read_error(nested(33), kRange) == Errc::too_large);
  CHECK(read_error(nested(200'000), kRange) == Errc::too_large);
}

TEST_CASE("gob hostile: unknown kinds: floats, complex, arrays and marshalled fields are skipped") {
  // 65: {Start uint; F float; C complex; A [2]uint of type 66; G of type 67, marshalled}.
  std::string types =
      "ff810301000105"
      "01055374617274010600"
      "0101460108"
      "00"
      "010143010e"
      "00"
      "01014101ff8400"
      "01014701ff8600"
      "0000";
  Bytes in = stream({types,
                     "ff830101000106010400"
                     "00",
                     "ff85050100"
                     "0000",
                     "ff82"
                     "0107"
                     "01fe3ff0"
                     "010102"
                     "01020809"
                     "0103616263"
                     "00"});
  Decoder d(in);
  d.expect(kRange);
  auto field = d.next_field();
  REQUIRE(field == std::optional<std::size_t>(0));
  CHECK(d.u64() == 7);
  CHECK_FALSE(d.next_field());
  CHECK(d.finish().has_value());
  // The array is one element short; an interface value is refused.
  CHECK(read_error(stream({types,
                           "ff830101000106010400"
                           "00",
                           "ff85050100"
                           "0000",
                           "ff82"
                           "04"
                           "010800"}),
                   kRange) == Errc::bad_value);
  CHECK(read_error(stream({"ff810301000102"
                           "01055374617274010600"
                           "010149011000"
                           "0000",
                           "ff8202"
                           "0000"}),
                   kRange) == Errc::unsupported);
}

TEST_CASE("gob hostile: misuse: reading a value as something else fails, and nothing aborts") {
  Bytes in = stream({kDefinition, "ff82010100"});
  Decoder d(in);
  d.expect(kRange);
  CHECK(d.next_field());
  CHECK(d.string().empty());
  CHECK(d.failed());
  Decoder unread(in);
  unread.expect(kRange);
  CHECK_FALSE(unread.finish().has_value());
  Decoder own(in);
  own.fail({.code = Errc::conflict, .what = "mine"});
  own.fail({.code = Errc::system, .what = "later"});
  CHECK(own.finish().error().code == Errc::conflict);
  CHECK_FALSE(own.begin(kRange));
}

TEST_CASE("gob hostile: random bytes: any change of a stream is read or refused, never worse") {
  Bytes whole;
  Encoder e(whole);
  e.begin(kPaxos).open(1);
  e.open().field(0).uint(1).close();
  e.open().field(2).open().field(0).open(2).uint(5).uint(6).close().close().close();
  e.close();
  SeededRng rng(3);
  for (int i = 0; i < 30'000; ++i) {
    Bytes bent = whole;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      bent[rng.below(bent.size())] = static_cast<Byte>(rng.below(256));
    }
    Decoder d(bent);
    while (d.begin(kPaxos)) {
      std::size_t count = 0;
      for (d.enter(); d.next_element();)
        ++count;
      CHECK(count <= bent.size());
    }
    (void)d.finish();
  }
}
