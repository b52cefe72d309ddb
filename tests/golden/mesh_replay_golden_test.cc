// SPDX-License-Identifier: Apache-2.0
// The recorded sessions of three Weave hosts played again with our peer in the place of one: the
// two others say what they said then, byte by byte and when they said it. Ours must dial where it
// dialled and take what was dialled, introduce itself as it did, stay connected, say the same kinds
// of things on each connection, get and give the same addresses, and at each moment at which the
// host was asked show the same mesh and the same ring.
//
// Not in the recordings: the connection of a host to itself (it does not cross the wire; here
// nobody answers it), and 1,335 bytes of each of two sealed connections, which host 3 said between
// two captures just before it stopped. Not played: sleeve, whose parameters ours would send as
// overlay control messages; tests/golden/sleeve_recorded.json has its datagrams.
#include <set>
#include <string>

#include "gossip/envelope_wire.h"
#include "gossip/intro.h"
#include "ipam-crdt/range_wire.h"
#include "tests/golden/stand_in.h"

using namespace weft;
using namespace weft::gossip;

namespace {

const std::string kRequest = "IPallocation request";
const std::string kRingForOne = "IPallocation ring for one";

std::string unicast_kind(ByteView body) {
  auto envelope = parse_unicast_envelope(body);
  REQUIRE(envelope.has_value());
  auto unicast = ipam::parse_unicast(envelope->payload);
  REQUIRE(unicast.has_value());
  switch (unicast->kind) {
    case ipam::UnicastKind::space_request:
      return kRequest;
    case ipam::UnicastKind::ring_update:
      return kRingForOne;
    case ipam::UnicastKind::space_denied:
      return "IPallocation refusal";
  }
  return {};
}

std::string kind_of(ByteView message) {
  auto body = message.subspan(1);
  auto tag = static_cast<Tag>(message.front());
  if (tag == Tag::heartbeat) return "heartbeat";
  if (tag == Tag::overlay_control) return "overlay";
  if (tag == Tag::gossip_unicast) return unicast_kind(body);
  REQUIRE((tag == Tag::gossip || tag == Tag::gossip_broadcast));
  auto envelope = parse_envelope(body);
  REQUIRE(envelope.has_value());
  return envelope->channel + (tag == Tag::gossip ? " gossip" : " broadcast");
}

std::set<std::string> kinds_of(const std::vector<golden::Said>& all) {
  std::set<std::string> out;
  for (const auto& one : all) {
    if (const auto* message = std::get_if<Link::Message>(&one.event))
      out.insert(kind_of(message->body));
  }
  out.erase("overlay");
  return out;
}

// All but the short ID, which is random, and our extensions, which Weave does not look at.
void check_introduction(const std::vector<golden::Said>& ours, FeatureMap theirs) {
  REQUIRE_FALSE(ours.empty());
  REQUIRE(std::holds_alternative<Link::Introduced>(ours.front().event));
  auto features = std::get<Link::Introduced>(ours.front().event).features;
  auto read = read_introduction(features);
  REQUIRE(std::holds_alternative<Introduction>(read));
  CHECK(std::get<Introduction>(read).short_id.has_value());
  CHECK(features.erase("WeftExtensions") == 1);
  features.erase("ShortID");
  theirs.erase("ShortID");
  CHECK(features == theirs);
}

std::string listed(const std::set<std::string>& kinds) {
  std::string out;
  for (const auto& kind : kinds)
    out += kind + "; ";
  return out;
}

using Kinds = std::set<std::string>;
struct Asked {
  bool now = false, then = false;
};

// Whom a peer asks for space is drawn by lot. Who hears a vote after it has a ring answers with the
// ring, and whether it has one yet is a matter of microseconds; who is asked for space must answer.
void check_kinds(Kinds ours, Kinds theirs, bool was_asked, Asked& asked) {
  asked.now = ours.erase(kRequest) != 0 || asked.now;
  asked.then = theirs.erase(kRequest) != 0 || asked.then;
  if (!was_asked) {
    ours.erase(kRingForOne);
    theirs.erase(kRingForOne);
  }
  CHECK(listed(ours) == listed(theirs));
}

void check_answers(const golden::Session& session, const golden::StandIn& ours, int host) {
  Asked asked;
  for (const auto& item : ours.answers()) {
    auto index = item.first;
    const auto& answers = item.second;
    CAPTURE(index);
    const auto& connection = session.connections[index];
    check_introduction(answers, *golden::introduction(session, connection, host));
    auto heard = kinds_of(golden::said(session, connection, connection.other(host)));
    check_kinds(kinds_of(answers), kinds_of(golden::said(session, connection, host)),
                heard.contains(kRequest), asked);
  }
  CHECK(asked.now == asked.then);
}

void replay(const golden::Session& session) {
  ipam::StoredAllocator stored;
  int host = 0;
  std::size_t dialled = 0, accepted = 0, whole = 0;
  for (const auto& life : session.lives) {
    CAPTURE(life.host);
    CAPTURE(life.from.count());
    if (std::exchange(host, life.host) != life.host) stored = {};
    golden::StandIn ours(session, life, stored);
    ours.play();
    check_answers(session, ours, life.host);
    stored = ours.stored();
    // A host that was reset begins with nothing.
    if (!life.acts.empty() && life.acts.back().path == "/peer") stored = {};
    dialled += ours.dialled();
    accepted += ours.accepted();
  }
  for (const auto& connection : session.connections)
    whole += golden::introduction(session, connection, connection.listener) ? 1 : 0;
  CHECK(whole == 7);
  CHECK(dialled == whole);
  CHECK(accepted == whole);
}

}  // namespace

TEST_CASE("golden: recorded sessions: our peer in the place of each host gives Weave's answers") {
  for (const std::string name : {"plain", "encrypted"}) {
    CAPTURE(name);
    if (auto session = golden::load_session(name)) replay(*session);
  }
}
