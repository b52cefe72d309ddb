// SPDX-License-Identifier: Apache-2.0
#include "gossip/intro.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;

namespace {

Introduction host(std::uint64_t number) {
  return {.name = PeerName::from_u48(std::uint64_t{0x7a} << 40 | number),
          .nickname = "host" + std::to_string(number),
          .uid = {100 + number},
          .conn_id = number,
          .short_id = ShortId::make(17),
          .overlays = {"sleeve"}};
}

std::string refusal_of(const FeatureMap& features) {
  auto read = read_introduction(features);
  const auto* refusal = std::get_if<Refusal>(&read);
  return refusal == nullptr ? "" : refusal->reason;
}

std::optional<Refusal> meet(const Introduction& ours, const Introduction& theirs) {
  return check_encounter({.ours = ours,
                          .theirs = theirs,
                          .local = *Endpoint::parse("10.0.0.1:6783"),
                          .remote = *Endpoint::parse("10.0.0.2:40000")});
}

}  // namespace

TEST_CASE("intro: features: the typed form survives the way through the map") {
  auto ours = host(1);
  ours.trusted = true;
  ours.overlays = {"swift", "fastdp", "sleeve"};
  auto features = to_features(ours);
  CHECK(features.at("Overlays") == "swift fastdp sleeve");
  features["Something"] = "new";  // unknown keys are other versions' business
  auto read = std::get<Introduction>(read_introduction(features));
  CHECK(to_features(read) == to_features(ours));
}

TEST_CASE("intro: features: what is optional may be missing") {
  auto features = to_features(host(1));
  for (const char* key : {"ShortID", "Trusted", "Overlays"})
    features.erase(key);
  auto read = std::get<Introduction>(read_introduction(features));
  CHECK_FALSE(read.short_id.has_value());
  CHECK_FALSE(read.trusted);
  CHECK(read.overlays.empty());
  features["NickName"] = "";
  CHECK(refusal_of(features).empty());
}

TEST_CASE("intro: features: every required key is missed by name") {
  for (const char* key : {"PeerNameFlavour", "Name", "NickName", "UID", "ConnID"}) {
    auto features = to_features(host(1));
    features.erase(key);
    CHECK(refusal_of(features).find(key) != std::string::npos);
  }
}

TEST_CASE("intro: features: every bad value is named") {
  const std::pair<const char*, std::string> bad[] = {
      {"PeerNameFlavour", "hash"},
      {"Name", "nobody"},
      {"Name", "00:00:00:00:00:00"},
      {"Name", "01:00:00:00:00:01"},  // the group bit
      {"NickName", std::string(2000, 'x')},
      {"UID", "-1"},
      {"UID", "18446744073709551616"},
      {"UID", "0"},
      {"ConnID", ""},
      {"ShortID", "4096"},
      {"ShortID", "x"},
      {"Trusted", "maybe"},
      {"Overlays", "a b c d e f g h i j k l m n o p q"},
  };
  for (const auto& entry : bad) {
    const auto& key = entry.first;
    auto features = to_features(host(1));
    features[key] = entry.second;
    CAPTURE(key);
    CHECK(refusal_of(features).find(key) != std::string::npos);
  }
}

TEST_CASE("intro: encounter: ourselves, our double and a peer without common overlay are refused") {
  CHECK_FALSE(meet(host(1), host(2)).has_value());
  auto self = meet(host(1), host(1));
  REQUIRE(self.has_value());
  CHECK(self->ourselves);
  CHECK(self->reason == "cannot connect to ourself");

  auto twin = host(1);
  twin.uid = {7};
  twin.nickname = "other";
  auto collision = meet(host(1), twin);
  REQUIRE(collision.has_value());
  CHECK(collision->collision);
  CHECK_FALSE(collision->ourselves);
  for (const char* part : {"7a:00:00:00:00:01", "'host1' at 10.0.0.1:6783",
                           "'other' at 10.0.0.2:40000", "peer names collision"}) {
    CHECK(collision->reason.find(part) != std::string::npos);
  }

  auto foreign = host(2);
  foreign.overlays = {"awsvpc"};
  REQUIRE(meet(host(1), foreign).has_value());
  CHECK_FALSE(meet(host(1), foreign)->ourselves);
  foreign.overlays = {};
  CHECK_FALSE(meet(host(1), foreign).has_value());
}
