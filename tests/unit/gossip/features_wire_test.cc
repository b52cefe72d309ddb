// SPDX-License-Identifier: Apache-2.0
#include "gossip/features_wire.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;

TEST_CASE("features: verified vectors: Weave's maps are read, in whatever order they come") {
  auto one = parse_features(*from_hex(
      "0eff81040102ff8200010c010c00001bff820001044e616d651137613a39663a65623a62363a30633a3665"));
  REQUIRE(one.has_value());
  CHECK(*one == FeatureMap{{"Name", "7a:9f:eb:b6:0c:6e"}});
  CHECK(write_features(*one).size() == 43);

  auto eight = parse_features(
      *from_hex("0eff81040102ff8200010c010c0000ff93ff82000807547275737465640566616c7365084f7665726c"
                "6179730d66617374647020736c656576650f506565724e616d65466c61766f7572036d6163044e616d"
                "651137613a39663a65623a62363a30633a3665084e69636b4e616d6505686f7374310753686f727449"
                "44043132333403554944143131313131313131313131313131313131313131"
                "06436f6e6e4944023432"));
  REQUIRE(eight.has_value());
  CHECK(*eight == FeatureMap{{"ConnID", "42"},
                             {"Name", "7a:9f:eb:b6:0c:6e"},
                             {"NickName", "host1"},
                             {"Overlays", "fastdp sleeve"},
                             {"PeerNameFlavour", "mac"},
                             {"ShortID", "1234"},
                             {"Trusted", "false"},
                             {"UID", "11111111111111111111"}});
}

TEST_CASE("features: foreign encodings: other type ids and unknown keys are read") {
  auto features = parse_features(
      *from_hex("10fe018f040102fe019000010c010c000031fe01900003044e616d651137613a39663a65623a62363a"
                "30633a3665"
                "084e69636b4e616d650363707005582d4e65770131"));
  REQUIRE(features.has_value());
  CHECK(*features ==
        FeatureMap{{"Name", "7a:9f:eb:b6:0c:6e"}, {"NickName", "cpp"}, {"X-New", "1"}});
}

TEST_CASE("features: round trip: what is written is read") {
  for (const FeatureMap& map :
       {FeatureMap{}, FeatureMap{{"", ""}}, FeatureMap{{"a", std::string(4096, 'x')}, {"b", ""}}}) {
    auto back = parse_features(write_features(map));
    REQUIRE(back.has_value());
    CHECK(*back == map);
  }
}

TEST_CASE("features: limits: too many keys, too long texts, cut and padded input are refused") {
  FeatureMap many;
  for (std::size_t i = 0; i <= kFeatureCountMax; ++i)
    many[std::to_string(i)] = "";
  CHECK(parse_features(write_features(many)).error().code == Errc::too_large);
  many.erase("0");
  CHECK(parse_features(write_features(many)).has_value());
  FeatureMap longer{{"a", std::string(kFeatureTextMax + 1, 'x')}};
  CHECK(parse_features(write_features(longer)).error().code == Errc::too_large);
  Bytes whole = write_features({{"Name", "x"}});
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CHECK_FALSE(parse_features(ByteView(whole).first(n)).has_value());
  }
  whole.push_back(Byte{0});
  CHECK_FALSE(parse_features(whole).has_value());
}
