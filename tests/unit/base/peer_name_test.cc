// SPDX-License-Identifier: Apache-2.0
#include "base/peer_name.h"

#include <doctest/doctest.h>

using namespace weft;

TEST_CASE("peer name: text: full and abbreviated forms parse to the same value") {
  CHECK(PeerName::parse("7a:9f:eb:b6:0c:6e")->value() == 0x7a9febb60c6e);
  CHECK(PeerName::parse("a:b:c:d:e:f")->text() == "0a:0b:0c:0d:0e:0f");
  CHECK(PeerName::parse("::1")->value() == 1);
  CHECK(PeerName::parse("1::")->value() == 0x010000000000);
  CHECK(PeerName::parse("1:2::3")->text() == "01:02:00:00:00:03");
}

TEST_CASE("peer name: text: five groups, six with a gap and junk are refused") {
  for (const char* bad : {"", "1:2:3:4:5", "1:2:3:4::5", "::", "1:2:3:4:5:6:7", "1::2::3", "xx::1",
                          "100::1", "1:2:3:4:5:6::"}) {
    CHECK_FALSE(PeerName::parse(bad));
  }
}

TEST_CASE("peer name: group bit: an odd first byte is recognised") {
  CHECK(PeerName::parse("01:00:00:00:00:00")->group_bit());
  CHECK_FALSE(PeerName::parse("02:00:00:00:00:01")->group_bit());
}
