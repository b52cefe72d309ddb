// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <doctest/doctest.h>

using namespace weft;

TEST_CASE("bytes: reader: integers come big-endian and the end is checked") {
  Bytes in = *from_hex("0102030405060708090a0b0c0d0e0f");
  Reader r(in);
  CHECK(r.u8() == 0x01);
  CHECK(r.u16() == 0x0203);
  CHECK(r.u32() == 0x04050607);
  CHECK(r.u48() == 0x08090a0b0c0d);
  CHECK(r.finish().error().code == Errc::trailing);
  CHECK(r.u16() == 0x0e0f);
  CHECK(r.finish().has_value());
}

TEST_CASE("bytes: reader: after a short read everything is zero and the error sticks") {
  Bytes in = *from_hex("0102");
  Reader r(in);
  CHECK(r.u32() == 0);
  CHECK(r.u8() == 0);
  CHECK(r.failed());
  CHECK(r.finish().error().code == Errc::truncated);
}

TEST_CASE("bytes: writer: what is written reads back") {
  Bytes out;
  Writer(out).u8(1).u16(2).u32(3).u48(4).u64(5).bytes(as_bytes("xy")).zeros(2);
  Reader r(out);
  CHECK(r.u8() == 1);
  CHECK(r.u16() == 2);
  CHECK(r.u32() == 3);
  CHECK(r.u48() == 4);
  CHECK(r.u64() == 5);
  CHECK(as_text(r.take(2)) == "xy");
  CHECK(r.u16() == 0);
  CHECK(r.finish().has_value());
}

TEST_CASE("bytes: hex: bad digits and odd lengths are refused") {
  CHECK(to_hex(*from_hex("00ffA0")) == "00ffa0");
  CHECK_FALSE(from_hex("0"));
  CHECK_FALSE(from_hex("0g"));
}
