// SPDX-License-Identifier: Apache-2.0
// What three hosts running Weave said to one another, from the first connection to the removal of
// a peer, plain and with a password: every message is understood completely, and written again
// with the same meaning.
#include <set>
#include <string>

#include "gossip/envelope_wire.h"
#include "gossip/intro.h"
#include "gossip/link.h"
#include "gossip/topology_wire.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/range_wire.h"
#include "tests/golden/recorded_streams.h"

using namespace weft;
using namespace weft::gossip;

namespace {

void check_topology(ByteView payload) {
  auto peers = parse_topology(payload);
  REQUIRE(peers.has_value());
  CHECK_FALSE(peers->empty());
  auto again = parse_topology(write_topology(*peers));
  REQUIRE(again.has_value());
  CHECK(*again == *peers);
}

Bytes written(const ipam::GossipState& state) {
  return ipam::write_state({.now = state.now,
                            .nicknames = state.nicknames,
                            .paxos = state.paxos ? &*state.paxos : nullptr,
                            .ring = state.ring ? &*state.ring : nullptr});
}

void check_ipam_state(ByteView payload) {
  auto state = ipam::parse_state(payload);
  REQUIRE(state.has_value());
  auto bytes = written(*state);
  auto again = ipam::parse_state(bytes);
  REQUIRE(again.has_value());
  CHECK(again->nicknames == state->nicknames);
  CHECK(again->ring == state->ring);
  CHECK(again->paxos.has_value() == state->paxos.has_value());
  CHECK(written(*again) == bytes);
}

void check_ipam_unicast(ByteView payload) {
  auto unicast = ipam::parse_unicast(payload);
  REQUIRE(unicast.has_value());
  if (unicast->kind == ipam::UnicastKind::ring_update) return check_ipam_state(unicast->body);
  auto range = ipam::parse_range(unicast->body);
  REQUIRE(range.has_value());
  auto again = unicast->kind == ipam::UnicastKind::space_request ? ipam::write_space_request(*range)
                                                                 : ipam::write_space_denied(*range);
  CHECK(ipam::parse_range(ipam::parse_unicast(again)->body).value() == *range);
}

void check_channel(const nlohmann::json& c, const std::string& channel, ByteView payload) {
  CHECK(channel == c["channel"].get<std::string>());
  if (channel == "topology") return check_topology(payload);
  REQUIRE(channel == "IPallocation");
  if (c["what"] == "GossipUnicast") return check_ipam_unicast(payload);
  check_ipam_state(payload);
}

void check_message(const nlohmann::json& c) {
  auto message = golden::hex(c["hex"]);
  REQUIRE_FALSE(message.empty());
  auto body = ByteView(message).subspan(1);
  switch (static_cast<Tag>(message.front())) {
    case Tag::heartbeat:
      CHECK(body.empty());
      return;
    case Tag::overlay_control:
      CHECK(body.size() >= 2);
      return;
    case Tag::gossip:
    case Tag::gossip_broadcast: {
      auto envelope = parse_envelope(body);
      REQUIRE(envelope.has_value());
      CHECK(envelope->source.text() == c["from"].get<std::string>());
      CHECK(write_envelope(envelope->channel, envelope->source, envelope->payload) ==
            to_bytes(body));
      return check_channel(c, envelope->channel, envelope->payload);
    }
    case Tag::gossip_unicast: {
      auto envelope = parse_unicast_envelope(body);
      REQUIRE(envelope.has_value());
      CHECK(envelope->source.text() == c["from"].get<std::string>());
      CHECK(write_unicast_envelope(envelope->channel, envelope->source, envelope->destination,
                                   envelope->payload) == to_bytes(body));
      return check_channel(c, envelope->channel, envelope->payload);
    }
    case Tag::overlay_established:
    case Tag::overlay_fragments_received:
    case Tag::overlay_mtu_verified:
    case Tag::delta:
      break;
  }
  FAIL("a tag that Weave does not send here");
}

void check_features(const nlohmann::json& c) {
  auto features = parse_features(golden::hex(c["hex"]));
  REQUIRE(features.has_value());
  CHECK(*features == c["features"].get<FeatureMap>());
  auto intro = read_introduction(*features);
  REQUIRE(std::holds_alternative<Introduction>(intro));
  // Nothing is lost on the way through the typed form.
  CHECK(to_features(std::get<Introduction>(intro)) == *features);
}

// Every feature map and message of a session, as our links read them from the captured bytes.
struct Opened {
  std::set<FeatureMap> features;
  std::set<std::string> messages;  // in hexadecimal
};
Opened opened(const golden::Session& session) {
  Opened out;
  for (const auto& connection : session.connections) {
    for (int host : {connection.dialler, connection.listener}) {
      for (const auto& one : golden::said(session, connection, host)) {
        if (const auto* message = std::get_if<Link::Message>(&one.event)) {
          out.messages.insert(to_hex(message->body));
        } else {
          out.features.insert(std::get<Link::Introduced>(one.event).features);
        }
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("golden: recorded mesh: every message of Weave is understood and can be said again") {
  auto vectors = golden::load("mesh_recorded.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"messages", "note"});
  for (const auto& c : (*vectors)["messages"]) {
    golden::require_known(c, {"channel", "features", "from", "hex", "session", "to", "what"});
    CAPTURE(c.dump().substr(0, 300));
    if (c["what"] == "features") {
      check_features(c);
    } else {
      check_message(c);
    }
  }
}

TEST_CASE("golden: recorded mesh: our links read from the captured bytes all that others decoded") {
  auto decoded = golden::load("mesh_recorded.json");
  for (const std::string name : {"plain", "encrypted"}) {
    auto session = golden::load_session(name);
    if (!decoded || !session) return;
    CAPTURE(name);
    auto ours = opened(*session);
    for (const auto& c : (*decoded)["messages"]) {
      if (c["session"] != name) continue;
      CAPTURE(c.dump().substr(0, 300));
      if (c["what"] == "features") {
        CHECK(ours.features.contains(c["features"].get<FeatureMap>()));
      } else {
        CHECK(ours.messages.contains(to_hex(golden::hex(c["hex"]))));
      }
    }
  }
}
