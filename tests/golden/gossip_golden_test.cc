// SPDX-License-Identifier: Apache-2.0
// Feature maps, envelopes and topology payloads as Weave writes them, in both directions.
#include "gossip/envelope_wire.h"
#include "gossip/features_wire.h"
#include "gossip/link.h"
#include "gossip/topology_wire.h"
#include "tests/golden/golden.h"

using namespace weft;
using namespace weft::gossip;

namespace {

PeerName name_of(const nlohmann::json& text) {
  auto name = PeerName::parse(text.get<std::string>());
  REQUIRE(name.has_value());
  return *name;
}

void check_features(const nlohmann::json& c) {
  golden::require_known(c, {"gob", "map"});
  CAPTURE(c.dump());
  auto expected = c["map"].get<FeatureMap>();
  Bytes in = golden::hex(c["gob"]);
  auto features = parse_features(in);
  REQUIRE(features.has_value());
  CHECK(*features == expected);
  Bytes out = write_features(*features);
  CHECK(parse_features(out).value() == expected);
  // The order of pairs is arbitrary, and the type's id that of the process.
  if (!to_hex(in).starts_with("0eff81")) return;
  CHECK(out.size() == in.size());
  if (expected.size() < 2) CHECK(to_hex(out) == to_hex(in));
}

void check_envelope(const nlohmann::json& c, const std::string& payload) {
  golden::require_known(c, {"channel", "hex", "src", "tag"});
  auto envelope = parse_envelope(golden::hex(c["hex"]));
  REQUIRE(envelope.has_value());
  CHECK(envelope->channel == c["channel"].get<std::string>());
  CHECK(envelope->source == name_of(c["src"]));
  CHECK((envelope->payload.empty() || to_hex(envelope->payload) == payload));
  CHECK(to_hex(write_envelope(envelope->channel, envelope->source, envelope->payload)) ==
        c["hex"].get<std::string>());
}

void check_unicast(const nlohmann::json& c, const std::string& payload) {
  golden::require_known(c, {"channel", "dst", "hex", "src", "tag"});
  auto envelope = parse_unicast_envelope(golden::hex(c["hex"]));
  REQUIRE(envelope.has_value());
  CHECK(envelope->channel == c["channel"].get<std::string>());
  CHECK(envelope->source == name_of(c["src"]));
  CHECK(envelope->destination == name_of(c["dst"]));
  CHECK(to_hex(envelope->payload) == payload);
  CHECK(to_hex(write_unicast_envelope(envelope->channel, envelope->source, envelope->destination,
                                      envelope->payload)) == c["hex"].get<std::string>());
}

ConnectionRecord connection_of(const nlohmann::json& c) {
  golden::require_known(c, {"Addr", "Established", "Outbound", "Remote"});
  return {.peer = name_of(c["Remote"]),
          .remote_address = c["Addr"].get<std::string>(),
          .outbound = c["Outbound"].get<bool>(),
          .established = c["Established"].get<bool>()};
}

PeerRecord peer_of(const nlohmann::json& c) {
  golden::require_known(c,
                        {"Conns", "HasShortID", "Name", "NickName", "ShortID", "UID", "Version"});
  PeerRecord peer{.name = name_of(c["Name"]),
                  .nickname = c["NickName"].get<std::string>(),
                  .uid = PeerUid{c["UID"].get<std::uint64_t>()},
                  .version = c["Version"].get<std::uint64_t>()};
  if (c["HasShortID"].get<bool>()) peer.short_id = ShortId::make(c["ShortID"].get<std::uint64_t>());
  for (const auto& connection : c["Conns"])
    peer.connections.push_back(connection_of(connection));
  return peer;
}

void check_topology(const nlohmann::json& c) {
  golden::require_known(c, {"decoded_in_stream_order", "gob", "protocol_msg_broadcast_tag6_payload",
                            "protocol_msg_gossip_tag4_payload", "what"});
  CAPTURE(c["what"].dump());
  std::vector<PeerRecord> expected;
  for (const auto& peer : c["decoded_in_stream_order"])
    expected.push_back(peer_of(peer));
  Bytes in = golden::hex(c["gob"]);
  auto peers = parse_topology(in);
  REQUIRE(peers.has_value());
  CHECK(*peers == expected);
  Bytes out = write_topology(*peers);
  CHECK(parse_topology(out).value() == expected);
  // These come from one process, whose first types were those of topology: nothing is left to
  // chance. Another process may have other ids.
  if (to_hex(in).starts_with("62ff81")) CHECK(to_hex(out) == to_hex(in));
  for (const char* payload :
       {"protocol_msg_broadcast_tag6_payload", "protocol_msg_gossip_tag4_payload"}) {
    auto envelope = parse_envelope(golden::hex(c[payload]));
    REQUIRE(envelope.has_value());
    CHECK(envelope->channel == "topology");
    CHECK(envelope->payload == in);
    CHECK(to_hex(write_envelope("topology", envelope->source, in)) ==
          c[payload].get<std::string>());
  }
}

}  // namespace

TEST_CASE(
    "golden: features: maps are read as Weave means them, and written so that it reads them") {
  auto vectors = golden::load("features.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"added_by_overlay_switch_with_sleeve_only", "inbound", "note",
                                   "one_entry", "outbound"});
  for (const char* which : {"inbound", "one_entry", "outbound"}) {
    if (vectors->contains(which)) check_features((*vectors)[which]);
  }
  auto added = vectors->value("added_by_overlay_switch_with_sleeve_only", FeatureMap());
  CHECK(parse_features(write_features(added)).value() == added);
}

TEST_CASE("golden: envelopes: gossip, broadcast and unicast agree with Weave to the byte") {
  auto vectors = golden::load("gossip_wrappers.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"broadcast_tag6", "broadcast_tag6_empty", "gossip_tag4", "note",
                                   "payload", "protocol_tags", "unicast_tag5"});
  auto payload = (*vectors)["payload"].get<std::string>();
  const std::map<std::string, Tag> tags{{"broadcast_tag6", Tag::gossip_broadcast},
                                        {"broadcast_tag6_empty", Tag::gossip_broadcast},
                                        {"gossip_tag4", Tag::gossip},
                                        {"unicast_tag5", Tag::gossip_unicast}};
  for (const auto& [name, tag] : tags) {
    const std::string& which = name;
    if (!vectors->contains(which)) continue;
    CAPTURE(which);
    const auto& c = (*vectors)[which];
    CHECK(c["tag"] == static_cast<int>(tag));
    if (tag == Tag::gossip_unicast) {
      check_unicast(c, payload);
    } else {
      check_envelope(c, payload);
    }
  }
}

TEST_CASE("golden: tags: every kind of message has Weave's number") {
  auto vectors = golden::load("gossip_wrappers.json");
  if (!vectors) return;
  const std::map<std::string, Tag> ours{
      {"heartbeat", Tag::heartbeat},
      {"reserved1_connection_established", Tag::overlay_established},
      {"reserved2_fragmentation_received", Tag::overlay_fragments_received},
      {"reserved3_pmtu_verified", Tag::overlay_mtu_verified},
      {"gossip", Tag::gossip},
      {"gossip_unicast", Tag::gossip_unicast},
      {"gossip_broadcast", Tag::gossip_broadcast},
      {"overlay_control", Tag::overlay_control}};
  for (const auto& tag : (*vectors)["protocol_tags"].items()) {
    CAPTURE(tag.key());
    auto known = ours.find(tag.key());
    REQUIRE(known != ours.end());
    CHECK(tag.value() == static_cast<int>(known->second));
  }
}

TEST_CASE("golden: topology: payloads are read to the stated peers and written to the byte") {
  auto vectors = golden::load("topology_gossip.json");
  if (!vectors) return;
  for (const auto& c : *vectors)
    check_topology(c);
}
