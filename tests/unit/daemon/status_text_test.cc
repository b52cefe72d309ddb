// SPDX-License-Identifier: Apache-2.0
// The status texts against what the real Weave printed in the same situation. Weave's order of
// connections, peers and targets is random, so those are compared as sets of lines.
#include "router/daemon/status_text.h"

#include <algorithm>
#include <regex>

#include <doctest/doctest.h>

#include "base/text.h"
#include "router/daemon/ipam_words.h"
#include "tests/unit/daemon/fake_control.h"
#include "tests/unit/daemon/recorded.h"

namespace weft::daemon {
namespace {

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::string_view line : split(text, '\n'))
    lines.emplace_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Peers with the lines of their connections, both in order.
std::vector<std::vector<std::string>> sorted_blocks(const std::string& text) {
  std::vector<std::vector<std::string>> blocks;
  for (std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    if (line.starts_with(" ")) {
      REQUIRE(!blocks.empty());
      blocks.back().emplace_back(line);
    } else {
      blocks.push_back({std::string(line)});
    }
  }
  for (auto& block : blocks)
    std::sort(block.begin() + 1, block.end());
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

std::string replaced(const std::string& text, const char* what, const char* with) {
  return std::regex_replace(text, std::regex(what), with);
}

// Calls `check` with the snapshot of each recorded situation and what Weave answered there.
template <class Check>
void for_each_recording(const char* suffix, Check check) {
  for (const std::string& situation : recorded::situations()) {
    CAPTURE(situation);
    const auto report = recorded::report(situation);
    const auto text = recorded::read("status/" + situation + suffix);
    if (report && text) check(recorded::snapshot_of(*report), *text);
  }
}

gossip::LinkStatus link(gossip::LinkState state) {
  return {.link = gossip::LinkId{7},
          .outbound = true,
          .address = *Endpoint::parse("10.0.0.2:6783"),
          .state = state,
          .peer = PeerName::from_u48(0x7a0000000002),
          .nickname = "host2"};
}

}  // namespace

TEST_CASE("status: forwarding: the line is there where our accepts are in others' filters") {
  fake::FakeControl control;
  CHECK(status_overview(control.seen).find("Forwarding") == std::string::npos);
  control.seen.forwarding_accepted_in = {"iptables-nft FORWARD", "nft inet a b"};
  CHECK(status_overview(control.seen)
            .find("     Forwarding: accepted in iptables-nft FORWARD, nft inet a b\n") !=
        std::string::npos);
}

TEST_CASE("status text: recorded: the overview is Weave's to the byte, but for the protocol") {
  for_each_recording("-status.txt", [](const Snapshot& snapshot, const std::string& text) {
    CHECK(status_overview(snapshot) == replaced(text, "weave 1\\.\\.2", "weave 2"));
  });
}

TEST_CASE("status text: recorded: connections are Weave's, with a blank and a hint more") {
  for_each_recording(
      "-status-connections.txt", [](const Snapshot& snapshot, const std::string& text) {
        const std::string expected = recorded::with_hints(
            recorded::without_monotonic(replaced(text, "encrypted=truemtu", "encrypted=true mtu")));
        auto ours = sorted_lines(status_connections(snapshot)), theirs = sorted_lines(expected);
        // Once a target was tried again between this answer and the report.
        if (text.find("192.168.77.12:59153->192.168.77.13") != std::string::npos) {
          const auto tried_again = [](const std::string& line) {
            return line.starts_with("-> 192.168.77.13:6783    failed ");
          };
          CHECK(std::erase_if(ours, tried_again) == 1);
          CHECK(std::erase_if(theirs, tried_again) == 1);
        }
        CHECK(ours == theirs);
      });
}

TEST_CASE("status text: recorded: peers are Weave's to the byte, in any order") {
  for_each_recording("-status-peers.txt", [](const Snapshot& snapshot, const std::string& text) {
    CHECK(sorted_blocks(status_peers(snapshot)) == sorted_blocks(text));
  });
}

TEST_CASE("status text: recorded: targets are Weave's, in any order") {
  for_each_recording("-status-targets.txt", [](const Snapshot& snapshot, const std::string& text) {
    CHECK(sorted_lines(status_targets(snapshot)) == sorted_lines(text));
  });
}

TEST_CASE("status text: recorded: ipam is Weave's, ourselves first") {
  for_each_recording("-status-ipam.txt", [](const Snapshot& snapshot, const std::string& text) {
    const std::string ours = status_ipam(snapshot);
    CHECK(sorted_lines(ours) == sorted_lines(text));
    CHECK(ours.substr(0, ours.find('\n')) == text.substr(0, text.find('\n')));
  });
}

TEST_CASE("status text: overview: a section of a service that is off is left out") {
  fake::FakeControl control;
  const std::string text = status_overview(control.seen);
  CHECK(text.find("Service: router") != std::string::npos);
  CHECK(text.find("Service: ipam") == std::string::npos);
  CHECK(text.find("  Connections: 0\n") != std::string::npos);
}

TEST_CASE("status text: overview: what is wrong stands at the end, one line each") {
  fake::FakeControl control;
  control.seen.degraded = {"host3 is gone", "the disk is full"};
  CHECK(status_overview(control.seen)
            .ends_with("\n\n       Degraded: host3 is gone\n       Degraded: the disk is full\n"));
}

TEST_CASE("status text: overview: connections and peers are counted by state in Weave's order") {
  fake::FakeControl control;
  gossip::MeshStatus& mesh = control.seen.mesh;
  using enum gossip::LinkState;
  for (auto state : {connecting, failed, pending, retrying, established, failed}) {
    mesh.links.push_back(link(state));
  }
  mesh.peers.push_back({.name = mesh.name,
                        .nickname = "host1",
                        .connections = {{.established = true}, {.established = false}}});
  mesh.trusted_subnets = {*Cidr::parse("10.0.0.0/8"), *Cidr::parse("192.168.0.0/16")};
  const std::string text = status_overview(control.seen);
  CHECK(text.find("    Connections: 6 (1 established, 1 pending, 1 retrying, 2 failed, "
                  "1 connecting)\n") != std::string::npos);
  CHECK(text.find("          Peers: 1 (with 1 established, 1 pending connections)\n") !=
        std::string::npos);
  CHECK(text.find(" TrustedSubnets: 10.0.0.0/8, 192.168.0.0/16\n") != std::string::npos);
}

TEST_CASE("status text: connections: a pending link says what it waits for") {
  fake::FakeControl control;
  control.seen.mesh.links = {link(gossip::LinkState::pending)};
  CHECK(status_connections(control.seen) ==
        "-> 10.0.0.2:6783         pending     none   7a:00:00:00:00:02(host2) \n");
  control.seen.overlays[gossip::LinkId{7}] = {
      .overlay = "sleeve", .mtu = 1438, .waiting_for = "nothing came back on UDP 6783"};
  CHECK(status_connections(control.seen) ==
        "-> 10.0.0.2:6783         pending     sleeve 7a:00:00:00:00:02(host2), nothing came back "
        "on UDP 6783 mtu=1438\n");
}

TEST_CASE("status text: capture: the overview tells how frames are taken, and why not better") {
  fake::FakeControl control;
  CHECK(status_overview(control.seen).find("Capture:") == std::string::npos);
  control.seen.capture = {.interface = "vethwe-tap (via tap, 2 workers)", .ours = true};
  CHECK(status_overview(control.seen).find("        Capture: vethwe-tap (via tap, 2 workers)\n") !=
        std::string::npos);
  control.seen.capture = {.interface = "vethwe-pcap (via pcap)",
                          .why_no_tap = "not found: cannot open /dev/net/tun",
                          .ours = true};
  CHECK(status_overview(control.seen)
            .find("        Capture: vethwe-pcap (via pcap), no TAP device: not found: ") !=
        std::string::npos);
}

TEST_CASE("status text: connections: swift shows its cipher and keys, or why it is not used") {
  fake::FakeControl control;
  control.seen.mesh.encrypted = true;
  control.seen.mesh.links = {link(gossip::LinkState::established)};
  auto& overlay = control.seen.overlays[gossip::LinkId{7}];
  overlay = {.overlay = "swift", .established = true, .encrypted = true, .mtu = 1410};
  overlay.swift = {.encrypted = true,
                   .aead = crypto::AeadChoice{crypto::Cipher::aes_256_gcm},
                   .epoch = 3,
                   .keys_since = control.seen.now - std::chrono::seconds(52)};
  const std::string text = status_connections(control.seen);
  CHECK(text.find(" swift  7a:00:00:00:00:02(host2) encrypted=true mtu=1410 cipher=aes-256-gcm "
                  "epoch=3 key-age=52s\n") != std::string::npos);
  overlay.swift->one_source_port = true;
  CHECK(status_connections(control.seen).find(" key-age=52s one-source-port\n") !=
        std::string::npos);
  overlay.overlay = "sleeve";
  overlay.swift->trouble = "no answer over UDP from 10.0.0.2:6783";
  overlay.swift->retry = control.seen.now + std::chrono::seconds(4);
  const std::string fallen = status_connections(control.seen);
  CHECK(fallen.find(" sleeve 7a:00:00:00:00:02(host2), not by swift: no answer over UDP from "
                    "10.0.0.2:6783, retry: ") != std::string::npos);
  CHECK(fallen.find("cipher=") == std::string::npos);
}

TEST_CASE("status text: connections: a trusted link of an encrypted mesh is called unencrypted") {
  fake::FakeControl control;
  control.seen.mesh.encrypted = true;
  control.seen.mesh.links = {link(gossip::LinkState::established)};
  control.seen.overlays[gossip::LinkId{7}] = {.overlay = "fastdp", .established = true};
  CHECK(status_connections(control.seen) ==
        "-> 10.0.0.2:6783         established unencrypted fastdp 7a:00:00:00:00:02(host2) \n");
}

TEST_CASE("status text: connections: targets tell error, cure and the next attempt") {
  fake::FakeControl control;
  control.seen.wall.since_epoch = std::chrono::seconds(1'700'000'000);
  gossip::LinkStatus failed = link(gossip::LinkState::failed);
  failed.link.reset();
  failed.error = "dial: Connection timed out";
  failed.retry = TimePoint(std::chrono::milliseconds(1500));
  gossip::LinkStatus waiting = link(gossip::LinkState::waiting);
  waiting.retry = failed.retry;
  control.seen.mesh.links = {failed, waiting, link(gossip::LinkState::connecting)};
  CHECK(status_connections(control.seen) ==
        "-> 10.0.0.2:6783         failed      dial: Connection timed out (no answer: is the host "
        "up, and does its firewall admit TCP 6783 from here?), retry: 2023-11-14 22:13:21.5 +0000 "
        "UTC \n"
        "-> 10.0.0.2:6783         waiting     until: 2023-11-14 22:13:21.5 +0000 UTC \n"
        "-> 10.0.0.2:6783         connecting   \n");
}

TEST_CASE("status text: connections: an overlay that timed out is not blamed on TCP") {
  fake::FakeControl control;
  gossip::LinkStatus failed = link(gossip::LinkState::failed);
  failed.error = "timed out waiting for UDP heartbeat of 10.0.0.2";
  control.seen.mesh.links = {failed};
  CHECK(status_connections(control.seen) ==
        "-> 10.0.0.2:6783         failed      timed out waiting for UDP heartbeat of 10.0.0.2, "
        "retry: never \n");
}

TEST_CASE("status text: connections: a refused inbound one has a reason and no retry") {
  fake::FakeControl control;
  gossip::LinkStatus refused = link(gossip::LinkState::failed);
  refused.outbound = false;
  refused.error = "the password differs from ours";
  control.seen.mesh.links = {refused};
  CHECK(status_connections(control.seen) ==
        "<- 10.0.0.2:6783         failed      the password differs from ours \n");
}

TEST_CASE("status text: hostile nickname: it cannot forge a line or steer a terminal") {
  fake::FakeControl control;
  gossip::LinkStatus forged = link(gossip::LinkState::established);
  forged.nickname = "x)\n-> 6.6.6.6:6783 established\x1b[2J\x7f";
  control.seen.mesh.links = {forged};
  control.seen.mesh.peers = {{.name = forged.peer, .nickname = forged.nickname}};
  control.seen.ipam.emplace();
  control.seen.ipam->entries = {{.size = 1, .peer = forged.peer, .nickname = forged.nickname}};
  for (const std::string& text :
       {status_connections(control.seen), status_peers(control.seen), status_ipam(control.seen)}) {
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\x7f') == std::string::npos);
  }
}

TEST_CASE("status text: ipam: shares of one owner are summed and small ones keep Weave's zero") {
  fake::FakeControl control;
  const PeerName other = PeerName::from_u48(0x7a0000000002);
  control.seen.ipam = ipam::AllocatorStatus{.universe_text = "10.0.0.0/28",
                                            .default_subnet = "10.0.0.0/28",
                                            .universe_size = 16,
                                            .active = 3};
  control.seen.ipam->entries = {
      {.size = 1, .peer = other, .nickname = "host2"},
      {.size = 14, .peer = control.seen.mesh.name, .nickname = "host1", .known_peer = true},
      {.size = 0, .peer = other, .nickname = "host2"},
      {.size = 1, .peer = PeerName::from_u48(0x7a0000000003), .nickname = "h3", .known_peer = true},
  };
  CHECK(status_ipam(control.seen) ==
        "7a:00:00:00:00:01(host1)                    14 IPs (87.5% of total) (3 active)\n"
        "7a:00:00:00:00:02(host2)                     1 IPs (06.2% of total) - unreachable!\n"
        "7a:00:00:00:00:03(h3)                        1 IPs (06.2% of total) \n");
}

TEST_CASE("status text: ipam: an owner who has told no nickname has the one the mesh knows") {
  ipam::AllocatorStatus status;
  const PeerName two = PeerName::from_u48(0x7a0000000002);
  const PeerName three = PeerName::from_u48(0x7a0000000003);
  const PeerName gone = PeerName::from_u48(0x7a0000000004);
  status.entries = {{.size = 1, .peer = two},
                    {.size = 1, .peer = three, .nickname = "told"},
                    {.size = 1, .peer = gone}};
  add_nicknames({{.name = two, .nickname = "host2"}, {.name = three, .nickname = "host3"}}, status);
  CHECK(status.entries[0].nickname == "host2");
  CHECK(status.entries[1].nickname == "told");
  CHECK(status.entries[2].nickname.empty());
}

TEST_CASE("status text: ipam state: each of Weave's words has its situation") {
  fake::FakeControl control;
  control.seen.ipam.emplace();
  ipam::AllocatorStatus& ipam = *control.seen.ipam;
  const auto says = [&](const char* words) {
    return status_overview(control.seen).find(std::string("Status: ") + words + "\n") !=
           std::string::npos;
  };
  CHECK(says("idle"));
  ipam.paxos = {.elector = false};
  CHECK(says("priming"));
  ipam.paxos = {.elector = true, .known_nodes = 1, .quorum = 2};
  CHECK(says("awaiting consensus (quorum: 2, known: 1)"));
  ipam.entries = {{.size = 4, .known_peer = false}};
  CHECK(says("all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead"));
  ipam.entries.push_back({.size = 4, .known_peer = true});
  CHECK(says("ready"));
  ipam.pending_allocates = {{.ident = "c1", .what = "10.0.0.0/24"}};
  CHECK(says("waiting for IP(s) to become available"));
}

}  // namespace weft::daemon
