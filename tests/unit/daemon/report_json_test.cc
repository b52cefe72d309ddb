// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/report_json.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "base/json/json.h"
#include "tests/unit/daemon/fake_control.h"
#include "tests/unit/daemon/recorded.h"

namespace weft::daemon {
namespace {

using Json = nlohmann::ordered_json;

// Weave's lists come in random order.
void sort_list(Json& list) {
  if (!list.is_array()) return;
  std::sort(list.begin(), list.end(),
            [](const Json& a, const Json& b) { return a.dump() < b.dump(); });
}

void sort_lists(Json& report) {
  Json& router = report["Router"];
  for (Json& peer : router["Peers"])
    sort_list(peer["Connections"]);
  for (const char* list :
       {"Peers", "UnicastRoutes", "BroadcastRoutes", "Connections", "Targets", "MACs"}) {
    sort_list(router[list]);
  }
}

// What is documented to differ: we speak version 2 only, times have no monotonic part, an error
// comes with its cure, and there are fields of our own.
void adapt(Json& theirs) {
  theirs["Router"]["ProtocolMinVersion"] = 2;
  for (Json& connection : theirs["Router"]["Connections"]) {
    const std::string info = connection["Info"];
    connection["Info"] = recorded::with_hints(recorded::without_monotonic(info));
  }
}

void remove_additions(Json& ours) {
  REQUIRE(ours.contains("Degraded"));
  ours.erase("Degraded");
  REQUIRE(ours["Router"].contains("ForwardingAcceptedIn"));
  ours["Router"].erase("ForwardingAcceptedIn");
  for (Json& connection : ours["Router"]["Connections"]) {
    for (const char* ours_alone : {"Peer", "NickName", "Reason"}) {
      REQUIRE(connection.contains(ours_alone));
      connection.erase(ours_alone);
    }
  }
}

}  // namespace

TEST_CASE("report: recorded: every key and value of Weave's report is there, in its order") {
  for (const std::string& situation : recorded::situations()) {
    CAPTURE(situation);
    auto theirs = recorded::report(situation);
    if (!theirs) continue;
    Json ours = Json::parse(json_text(report(recorded::snapshot_of(*theirs))));
    adapt(*theirs);
    remove_additions(ours);
    sort_lists(*theirs);
    sort_lists(ours);
    CHECK(ours.dump(1) == theirs->dump(1));
  }
}

TEST_CASE("report: numbers: 64-bit values are exact") {
  fake::FakeControl control;
  control.seen.mesh.peers = {{.name = control.seen.mesh.name,
                              .uid = {18446744073709551615U},
                              .version = 18446744073709551614U}};
  const std::string text = json_text(report(control.seen));
  CHECK(text.find("\"UID\": 18446744073709551615") != std::string::npos);
  CHECK(text.find("\"Version\": 18446744073709551614") != std::string::npos);
}

TEST_CASE("report: forwarding: filters of other owners that hold our accepts are listed") {
  fake::FakeControl control;
  control.seen.forwarding_accepted_in = {"iptables-nft FORWARD"};
  CHECK(report(control.seen)["Router"]["ForwardingAcceptedIn"] ==
        Json::array({"iptables-nft FORWARD"}));
}

TEST_CASE("report: empty: lists that hold nothing are null, absent services are left out") {
  fake::FakeControl control;
  const Json json = report(control.seen);
  CHECK(json["Router"]["Peers"].is_null());
  CHECK(json["Router"]["Connections"].is_null());
  CHECK(json["Router"]["TrustedSubnets"] == Json::array());
  CHECK(json["Degraded"] == Json::array());
  CHECK(!json.contains("IPAM"));
  CHECK(!json.contains("DNS"));
}

TEST_CASE("report: ipam: pending requests and the election are told as Weave does") {
  fake::FakeControl control;
  control.seen.ipam.emplace();
  control.seen.ipam->paxos = {.elector = true, .known_nodes = 2, .quorum = 3};
  control.seen.ipam->pending_allocates = {{.ident = "s3", .what = "10.34.0.0/30"}};
  control.seen.ipam->pending_claims = {{.ident = "k1", .what = "10.34.0.1/30"}};
  const Json json = report(control.seen)["IPAM"];
  CHECK(json["Paxos"].dump() == R"({"Elector":true,"KnownNodes":2,"Quorum":3})");
  CHECK(json["PendingAllocates"].dump() == R"(["s3 10.34.0.0/30"])");
  CHECK(json["PendingClaims"].dump() == R"([{"Ident":"k1","CIDR":"10.34.0.1/30"}])");
}

TEST_CASE("report: connections: a pending one tells peer and reason beside Weave's fields") {
  fake::FakeControl control;
  control.seen.mesh.links = {{.link = gossip::LinkId{1},
                              .address = *Endpoint::parse("10.0.0.2:6783"),
                              .state = gossip::LinkState::pending,
                              .peer = PeerName::from_u48(2),
                              .nickname = "host2"}};
  control.seen.overlays[gossip::LinkId{1}] = {
      .overlay = "sleeve", .encrypted = true, .waiting_for = "no answer on UDP 6783"};
  const Json json = report(control.seen)["Router"]["Connections"][0];
  CHECK(json["State"] == "pending");
  CHECK(json["Attrs"].dump() == R"({"encrypted":true,"name":"sleeve"})");
  CHECK(json["Peer"] == "00:00:00:00:00:02");
  CHECK(json["NickName"] == "host2");
  CHECK(json["Reason"] == "no answer on UDP 6783");
}

TEST_CASE("report: hostile nickname: bytes that are not UTF-8 still give valid JSON") {
  fake::FakeControl control;
  control.seen.mesh.nickname = "a\xff\xfe\"\n\x01";
  const std::string text = json_text(report(control.seen));
  CHECK(Json::accept(text));
  CHECK(Json::accept(compact_json_text(overview(control.seen))));
}

TEST_CASE("overview: counts and words of the text are there for programs") {
  fake::FakeControl control;
  control.seen.ipam.emplace();
  control.seen.degraded = {"x"};
  using enum gossip::LinkState;
  for (auto state : {failed, failed, established}) {
    control.seen.mesh.links.push_back({.state = state});
  }
  const Json json = overview(control.seen);
  CHECK(json["Router"]["ConnectionStates"]["failed"] == 2);
  CHECK(json["Router"]["ConnectionStates"]["established"] == 1);
  CHECK(json["Router"]["Connections"] == 3);
  CHECK(json["IPAM"]["Status"] == "idle");
  CHECK(json["Degraded"][0] == "x");
}

}  // namespace weft::daemon
