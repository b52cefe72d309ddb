// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/degraded.h"

#include <doctest/doctest.h>

#include "tests/unit/daemon/fake_control.h"
#include "tests/unit/daemon/recorded.h"

namespace weft::daemon {
namespace {

bool any_has(const std::vector<std::string>& sentences, std::string_view words) {
  for (const std::string& sentence : sentences) {
    if (sentence.find(words) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("degraded: a healthy mesh has nothing to say") {
  const auto report = recorded::report("encrypted/02-after-ipam-host1");
  if (report) CHECK(degraded(recorded::snapshot_of(*report)).empty());
}

TEST_CASE("degraded: a host that stopped is named twice: as target and as owner of addresses") {
  const auto report = recorded::report("plain/03-host3-stopped-host1");
  if (!report) return;
  const auto sentences = degraded(recorded::snapshot_of(*report));
  REQUIRE(sentences.size() == 2);
  CHECK(
      sentences[0].starts_with("direct peer 192.168.77.13 (192.168.77.13:6783) is not connected"));
  CHECK(sentences[0].find("TCP 6783") != std::string::npos);
  CHECK(sentences[1] ==
        "7a:00:00:00:00:03(host3) is unreachable and owns 131072 addresses (12.5% of the range); "
        "if it is gone for good, run: weave rmpeer 7a:00:00:00:00:03");
}

TEST_CASE("degraded: another owner's filter that could not be changed is told") {
  fake::FakeControl control;
  control.seen.forwarding_problems = {"iptables-nft FORWARD: denied"};
  CHECK(any_has(degraded(control.seen), "iptables-nft FORWARD: denied"));
}

TEST_CASE("degraded: what the program that runs us has to tell stands with our own sentences") {
  fake::FakeControl control;
  control.seen.notices = {"weave-kube: API server: connection refused"};
  CHECK(degraded(control.seen) == control.seen.notices);
}

TEST_CASE("degraded: routes of the host's in the way of the range are named") {
  fake::FakeControl control;
  control.seen.range_overlaps = {"--ipalloc-range 10.32.0.0/12 overlaps the host's route"};
  CHECK(degraded(control.seen) == control.seen.range_overlaps);
}

TEST_CASE("degraded: a host whose bridge is exposed and that does not forward is told the cure") {
  fake::FakeControl control;
  control.seen.forwarding_off = true;
  const auto sentences = degraded(control.seen);
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0].find("sysctl -w net.ipv4.ip_forward=1") != std::string::npos);
}

TEST_CASE("degraded: every kind of fault has its sentence") {
  fake::FakeControl control;
  Snapshot& s = control.seen;
  s.mesh.name_collision = "peer names collision: two hosts";
  s.mesh.links = {{.link = gossip::LinkId{1},
                   .address = *Endpoint::parse("10.0.0.2:6783"),
                   .state = gossip::LinkState::pending,
                   .peer = PeerName::from_u48(2),
                   .nickname = "host2"}};
  s.overlays[gossip::LinkId{1}].waiting_for = "no answer on UDP 6783";
  s.ipam.emplace();
  s.ipam->shut_down = true;
  s.ipam->paxos = {.elector = true, .known_nodes = 1, .quorum = 2};
  s.ipam->pending_allocates = {{.ident = "c1", .what = "10.32.0.0/12", .reason = "all taken"}};
  s.ipam->pending_claims = {{.ident = "c2", .what = "10.32.0.9/12"}};
  s.ipam->seed_conflicts = {{.holder = PeerName::from_u48(2),
                             .nickname = "host2",
                             .theirs = {PeerName::from_u48(2), PeerName::from_u48(3)},
                             .ours = {PeerName::from_u48(4)},
                             .heard = s.now}};
  s.capture.lost = "vethwe-tap: Bad file descriptor";
  const auto sentences = degraded(s);
  CHECK(sentences.size() == 8);
  CHECK(any_has(sentences,
                "that of 00:00:00:00:00:02(host2) was seeded by "
                "00:00:00:00:00:02,00:00:00:00:00:03, ours by 00:00:00:00:00:04; "));
  CHECK(any_has(sentences, "on every host of one side run: weave reset"));
  CHECK(any_has(sentences, "peer names collision: "));
  CHECK(any_has(sentences, "carries no data yet: no answer on UDP 6783"));
  CHECK(any_has(sentences, "weave reset"));
  CHECK(any_has(sentences, "awaiting consensus (quorum: 2, known: 1)"));
  CHECK(any_has(sentences, "c1 waits for an address in 10.32.0.0/12: all taken"));
  CHECK(any_has(sentences, "c2 waits to claim 10.32.0.9/12"));
  CHECK(any_has(sentences, "can no longer be read from vethwe-tap: Bad file descriptor; restart"));
}

TEST_CASE("degraded: two rings: told while they are heard of, and not long after") {
  fake::FakeControl control;
  Snapshot& s = control.seen;
  s.ipam.emplace();
  s.ipam->seed_conflicts = {{.holder = PeerName::from_u48(2), .heard = s.now}};
  s.now += std::chrono::minutes(17);
  CHECK(degraded(s).size() == 1);
  s.now += std::chrono::minutes(2);
  CHECK(degraded(s).empty());
}

TEST_CASE("degraded: a host that was refused is named with the reason, but not our own dial") {
  fake::FakeControl control;
  gossip::LinkStatus refused{.address = *Endpoint::parse("10.0.0.2:40000"),
                             .state = gossip::LinkState::failed,
                             .error = "the password differs from ours"};
  gossip::LinkStatus ourselves = refused;
  ourselves.peer = control.seen.mesh.name;
  ourselves.error = "cannot connect to ourself";
  control.seen.mesh.links = {refused, ourselves};
  CHECK(degraded(control.seen) ==
        std::vector<std::string>{
            "a connection from 10.0.0.2 was refused: the password differs from ours"});
}

TEST_CASE("degraded: a name collision is told in its own words, of whichever hosts it is") {
  fake::FakeControl control;
  gossip::MeshStatus& mesh = control.seen.mesh;
  gossip::LinkStatus ourselves{.address = *Endpoint::parse("10.0.0.1:40000"),
                               .state = gossip::LinkState::failed,
                               .peer = mesh.name,
                               .error = "cannot connect to ourself"};
  mesh.links = {ourselves};
  mesh.name_collision =
      "peer names collision: 00:00:00:00:00:02 is used by both 'host2' at 10.0.0.2:6783 and "
      "'host3' at 10.0.0.3:6783; give one of them another --name (or wait, if the host has moved)";
  mesh.colliding_name = PeerName::from_u48(2);
  // Two others share a name: ours is not theirs, and our own dial is no fault.
  CHECK(degraded(control.seen) == std::vector<std::string>{*mesh.name_collision});
  // Who has our own name is told of when it is refused.
  mesh.colliding_name = mesh.name;
  mesh.links[0].error = *mesh.name_collision;
  const auto sentences = degraded(control.seen);
  REQUIRE(sentences.size() == 2);
  CHECK(sentences[1].starts_with("a connection from 10.0.0.1 was refused: peer names collision"));
}

TEST_CASE("degraded: a target whose name does not resolve is named as given") {
  fake::FakeControl control;
  control.seen.mesh.links = {{.outbound = true,
                              .address = {.port = 6783},
                              .state = gossip::LinkState::failed,
                              .error = "Host not found",
                              .target = "no.such.host"}};
  CHECK(degraded(control.seen) ==
        std::vector<std::string>{"direct peer no.such.host is not connected: Host not found"});
}

TEST_CASE("degraded: an address whose range was lost is named with its holder and the owner") {
  fake::FakeControl control;
  control.seen.ipam.emplace();
  control.seen.ipam->strays = {
      {.ident = "c1", .address = *Cidr::parse("10.32.0.5/12"), .owner = PeerName::from_u48(2)}};
  const auto sentences = degraded(control.seen);
  REQUIRE(sentences.size() == 1);
  CHECK(sentences[0].starts_with("c1 holds 10.32.0.5/12, which 00:00:00:00:00:02 owns"));
}

TEST_CASE("degraded: a target that is ourselves is no fault") {
  fake::FakeControl control;
  control.seen.mesh.links = {{.outbound = true,
                              .state = gossip::LinkState::failed,
                              .error = "cannot connect to ourself",
                              .target = "10.0.0.1",
                              .retry_never = true}};
  CHECK(degraded(control.seen).empty());
}

TEST_CASE("degraded: a thousand lost peers make a short list that counts the rest") {
  fake::FakeControl control;
  control.seen.ipam.emplace();
  for (std::uint64_t i = 100; i < 1100; ++i) {
    control.seen.ipam->entries.push_back({.size = 4, .peer = PeerName::from_u48(i)});
  }
  const auto sentences = degraded(control.seen);
  REQUIRE(sentences.size() == 9);
  CHECK(sentences.back() == "and 992 more peers that own addresses are unreachable");
}

}  // namespace weft::daemon
