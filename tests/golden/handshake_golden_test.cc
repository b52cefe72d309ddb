// SPDX-License-Identifier: Apache-2.0
// Whole handshakes between two Weave peers. Our link takes the place of each side in turn: it must
// write what that side wrote, conclude what it concluded, and go on with the same seal. Weft speaks
// version 2 only, so where version 1 was chosen the test states that Weft refuses it.
#include "gossip/intro.h"
#include "gossip/link.h"
#include "tests/golden/golden.h"

using namespace weft;
using namespace weft::gossip;

namespace {

const TimePoint kNow{};

struct Side {
  const nlohmann::json& c;
  const nlohmann::json& key_pairs;
  std::string us;
  std::string them;

  const nlohmann::json& ours(const char* field) const { return c[us + "_" + field]; }
  const nlohmann::json& theirs(const char* field) const { return c[them + "_" + field]; }
};

std::optional<crypto::KeyPair> key_pair(const Side& side) {
  for (const auto& pair : side.key_pairs) {
    golden::require_known(pair, {"private", "public"});
    auto bytes = golden::hex(pair["private"]);
    auto keys = crypto::KeyPair::from_private(
        crypto::Secret<32>(std::span<const Byte, 32>(bytes.data(), 32)));
    CHECK(to_hex(keys.public_key) == pair["public"].get<std::string>());
    for (const auto& wrote : side.ours("wrote")) {
      if (wrote.get<std::string>() == "01" + to_hex(keys.public_key)) return keys;
    }
  }
  return std::nullopt;
}

LinkOptions options(const Side& side) {
  LinkOptions options{.outbound = side.us == "outbound"};
  if (!side.ours("password").get<std::string>().empty()) {
    options.password = crypto::Password(side.ours("password").get<std::string>());
    options.keys = key_pair(side);
    // A side that never came so far as to send a key had any.
    if (!options.keys) {
      SeededRng rng(1);
      options.keys = crypto::KeyPair::generate(rng);
    }
  }
  if (!side.theirs("received_features").is_null()) {
    options.features = side.theirs("received_features").get<FeatureMap>();
  }
  return options;
}

// What our link wrote against what the real peer wrote: all but the order of features, and that we
// do not offer version 1.
void check_written(const Side& side, ByteView written) {
  const auto& wrote = side.ours("wrote");
  REQUIRE(wrote.size() == 3);
  Reader reader(written);
  CHECK(to_hex(reader.take(7)) == "77656176650202");
  auto flag = golden::hex(wrote[1]);
  CHECK(to_hex(reader.take(flag.size())) == to_hex(flag));
  auto frame = golden::hex(wrote[2]);
  REQUIRE(reader.rest().size() == frame.size());
  CHECK(reader.u32() == frame.size() - 4);
  auto body = to_bytes(reader.rest());
  if (!side.c["session_key"].get<std::string>().empty()) {
    auto key = golden::hex(side.c["session_key"]);
    crypto::StreamBox box(
        crypto::SessionKey(crypto::Secret<32>(std::span<const Byte, 32>(key.data(), 32))),
        side.us != "outbound");
    auto plain = box.open(body);
    REQUIRE(plain.has_value());
    body = *plain;
  }
  auto features = parse_features(body);
  REQUIRE(features.has_value());
  CHECK(*features == side.theirs("received_features").get<FeatureMap>());
}

void check_next_messages(const Side& side, Link& link) {
  Bytes out;
  const auto& ours = side.c["next_" + side.us + "_message"];
  const auto& theirs = side.c["next_" + side.them + "_message"];
  golden::require_known(ours, {"plain", "wire"});
  golden::require_known(theirs, {"plain", "wire"});
  REQUIRE(link.send(golden::hex(ours["plain"]), out));
  std::string wire;
  for (const auto& piece : ours["wire"])
    wire += piece.get<std::string>();
  CHECK(to_hex(out) == wire);
  for (const auto& piece : theirs["wire"])
    link.feed(golden::hex(piece));
  auto event = link.next(kNow, out);
  REQUIRE(event.has_value());
  REQUIRE(std::holds_alternative<Link::Message>(*event));
  CHECK(to_hex(std::get<Link::Message>(*event).body) == theirs["plain"].get<std::string>());
}

void check_side(const Side& side) {
  CAPTURE(side.us);
  // A side that was told to speak version 1 only is no role for Weft.
  if (!side.ours("versions").get<std::string>().ends_with("2")) return;
  Bytes written;
  Link link(kNow, options(side), written);
  std::optional<Link::Event> event;
  for (const auto& piece : side.theirs("wrote")) {
    link.feed(golden::hex(piece));
    if (!event) event = link.next(kNow, written);
  }
  bool refused = !side.ours("error").get<std::string>().empty();
  if (refused || side.c["version"].get<int>() == 1) {
    CHECK(link.failed());
    CHECK_FALSE(event.has_value());
    CHECK_FALSE(link.error().empty());
    return;
  }
  CHECK(link.error() == "");
  REQUIRE(event.has_value());
  REQUIRE(std::holds_alternative<Link::Introduced>(*event));
  const auto& features = std::get<Link::Introduced>(*event).features;
  CHECK(features == side.ours("received_features").get<FeatureMap>());
  CHECK(std::holds_alternative<Introduction>(read_introduction(features)));
  check_written(side, written);
  check_next_messages(side, link);
}

}  // namespace

TEST_CASE("golden: handshake: each side of a Weave handshake can be ours; version 1 is refused") {
  auto vectors = golden::load("handshake.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"cases", "note", "possible_key_pairs"});
  for (const auto& c : (*vectors)["cases"]) {
    golden::require_known(
        c, {"inbound_error", "inbound_password", "inbound_received_features", "inbound_versions",
            "inbound_wrote", "next_inbound_message", "next_outbound_message", "outbound_error",
            "outbound_password", "outbound_received_features", "outbound_versions",
            "outbound_wrote", "session_key", "version", "what"});
    CAPTURE(c["what"].dump());
    const auto& keys = (*vectors)["possible_key_pairs"];
    check_side({c, keys, "inbound", "outbound"});
    check_side({c, keys, "outbound", "inbound"});
  }
}
