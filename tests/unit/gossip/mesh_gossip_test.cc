// SPDX-License-Identifier: Apache-2.0
// Channels, targets and overlay control across meshes.
#include <doctest/doctest.h>

#include "gossip/envelope_wire.h"
#include "gossip/link.h"
#include "tests/unit/gossip/mesh_harness.h"

using namespace weft;
using namespace weft::gossip;
using weft::gossip::testing::HostOptions;
using weft::gossip::testing::Mesh;
using weft::gossip::testing::name_of;
using namespace std::chrono_literals;

namespace {

void start_line(Mesh& mesh, const std::vector<HostOptions>& hosts) {
  for (unsigned i = 1; i <= hosts.size(); ++i) {
    auto options = hosts[i - 1];
    options.discovery = false;
    std::vector<std::string> targets;
    if (i > 1) targets.push_back("10.99.0." + std::to_string(i - 1));
    mesh.start(i, options, targets);
  }
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 30s));
}

void broadcast(Mesh& mesh, unsigned from, const std::string& word) {
  mesh.host(from).channels.words.insert(word);
  mesh.act(from, [&](Node& node, Effects& out) { node.broadcast(mesh.now(), Channel::ipam, out); });
}

bool unicast(Mesh& mesh, unsigned from, unsigned to, std::string_view text) {
  bool sent = false;
  mesh.act(from, [&](Node& node, Effects& out) {
    sent = node.unicast(mesh.now(), Channel::ipam, name_of(to), as_bytes(text), out);
  });
  return sent;
}

}  // namespace

TEST_CASE("gossip: unicast: goes over several hops to one peer only") {
  Mesh mesh;
  start_line(mesh, std::vector<HostOptions>(5));
  CHECK(unicast(mesh, 1, 5, "hello"));
  mesh.run_for(100ms);
  REQUIRE(mesh.host(5).unicasts.size() == 1);
  CHECK(mesh.host(5).unicasts[0] == std::pair(name_of(1), std::string("hello")));
  for (unsigned i = 1; i < 5; ++i)
    CHECK(mesh.host(i).unicasts.empty());
  CHECK_FALSE(unicast(mesh, 1, 9, "nobody"));
}

TEST_CASE("gossip: unicast: a neighbour just met is reached before the routes know of it") {
  Mesh mesh;
  mesh.start(1);
  mesh.start(2, {}, {"10.99.0.1"});
  REQUIRE(mesh.run_until([&] { return mesh.linked(1, 2) && mesh.linked(2, 1); }, 1s));
  CHECK(mesh.node(1).reachable(name_of(2)));
  CHECK(unicast(mesh, 1, 2, "hello"));
}

TEST_CASE("gossip: broadcast: reaches every host at once, along the tree of its origin") {
  Mesh mesh;
  for (unsigned i = 1; i <= 12; ++i) {
    mesh.start(i, {.discovery = false},
               {"10.99.0." + std::to_string(i / 2), "10.99.0." + std::to_string(i - 1)});
  }
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 1min));
  broadcast(mesh, 7, "news");
  mesh.run_for(100ms);
  for (unsigned i = 1; i <= 12; ++i)
    CHECK(mesh.host(i).channels.words.count("news") == 1);
}

TEST_CASE("gossip: state: a newcomer is given all, and periodic gossip mends what was missed") {
  Mesh mesh;
  start_line(mesh, std::vector<HostOptions>(3));
  broadcast(mesh, 1, "early");
  mesh.start(4, {}, {"10.99.0.3"});
  mesh.run_for(1s);
  CHECK(mesh.host(4).channels.words.count("early") == 1);
  // Not broadcast: only the period of gossip carries it, one hop each time.
  mesh.host(1).channels.words.insert("quiet");
  mesh.run_for(5min);
  for (unsigned i = 1; i <= 4; ++i)
    CHECK(mesh.host(i).channels.words.count("quiet") == 1);
}

TEST_CASE("gossip: surrogate: hosts that do not own a channel relay it all the same") {
  Mesh mesh;
  HostOptions owner;
  HostOptions stranger;
  stranger.owns_ipam = false;
  start_line(mesh, {owner, stranger, stranger, owner});
  broadcast(mesh, 1, "news");
  CHECK(unicast(mesh, 4, 1, "hello"));
  mesh.run_for(1s);
  CHECK(mesh.host(4).channels.words.count("news") == 1);
  CHECK(mesh.host(2).channels.words.empty());
  REQUIRE(mesh.host(1).unicasts.size() == 1);
  mesh.host(1).channels.words.insert("quiet");
  mesh.run_for(3min);
  CHECK(mesh.host(4).channels.words.count("quiet") == 1);
}

TEST_CASE("gossip: surrogate: what goes round in a ring of strangers dies out") {
  Mesh mesh;
  for (unsigned i = 1; i <= 4; ++i) {
    mesh.start(i, {.owns_ipam = i == 1}, {"10.99.0.1", "10.99.0.2", "10.99.0.3", "10.99.0.4"});
  }
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 10s));
  mesh.host(1).channels.words.insert("round");
  mesh.run_for(40s);
  auto steps = mesh.steps();
  mesh.run_for(10s);
  CHECK(mesh.steps() - steps < 500);
}

TEST_CASE("gossip: refusal: a channel's error closes the link and is its reason") {
  Mesh mesh;
  mesh.start(1, {}, {"10.99.0.2"});
  mesh.start(2);
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 5s));
  mesh.host(2).channels.words = {"poison"};
  broadcast(mesh, 2, "poison");
  mesh.run_for(100ms);
  CHECK(mesh.error(1, 2) == "poisoned words");
}

TEST_CASE("gossip: targets: forget and replace change the list, not the connections") {
  Mesh mesh;
  for (unsigned i = 2; i <= 4; ++i)
    mesh.start(i, {.discovery = false});
  mesh.start(1, {.discovery = false}, {"10.99.0.2", "10.99.0.3"});
  mesh.run_for(2s);
  CHECK(mesh.host(1).targets_changed == 1);
  mesh.forget(1, {"10.99.0.3"});
  CHECK(mesh.node(1).targets() == std::vector<std::string>{"10.99.0.2"});
  CHECK(mesh.linked(1, 3));
  mesh.kill(3);
  mesh.run_for(2min);
  CHECK(mesh.error(1, 3).empty());
  mesh.connect(1, {"10.99.0.4"}, true);
  mesh.run_for(2s);
  CHECK(mesh.node(1).targets() == std::vector<std::string>{"10.99.0.4"});
  CHECK(mesh.linked(1, 4));
  CHECK(mesh.linked(1, 2));
  CHECK(mesh.host(1).targets_changed == 3);
}

TEST_CASE("gossip: targets: bad ones are refused and named, good ones taken") {
  Mesh mesh;
  mesh.start(1);
  mesh.act(1, [&](Node& node, Effects& out) {
    auto result = node.connect(mesh.now(), {"10.99.0.2", "no host", "1.2.3.4:0"}, false, out);
    CHECK(result.has_error());
  });
  CHECK(mesh.node(1).targets() == std::vector<std::string>{"10.99.0.2"});
  unsigned named = 0;
  for (const auto& line : mesh.host(1).log) {
    if (line.address == "no host" || line.address == "1.2.3.4:0") ++named;
  }
  CHECK(named == 2);
}

TEST_CASE("gossip: targets: a host name is looked up again for each attempt") {
  Mesh mesh;
  mesh.start(1, {.discovery = false}, {"peers.example"});
  mesh.run_for(1s);
  auto status = mesh.node(1).status(mesh.now());
  REQUIRE(status.links.size() == 1);
  CHECK(status.links[0].error == "cannot resolve 'peers.example': no such host");
  mesh.names["peers.example"] = {weft::gossip::testing::address_of(2).ip};
  mesh.start(2, {.discovery = false});
  CHECK(mesh.run_until([&] { return mesh.linked(1, 2); }, 5s));
  // The peer moves to another address, and the name with it.
  mesh.kill(2);
  mesh.start(3, {.discovery = false});
  mesh.names["peers.example"] = {weft::gossip::testing::address_of(3).ip};
  CHECK(mesh.run_until([&] { return mesh.linked(1, 3); }, 10s));
}

TEST_CASE("gossip: targets: a name with several addresses leads to all of them") {
  Mesh mesh;
  for (unsigned i = 2; i <= 4; ++i) {
    mesh.start(i, {.discovery = false});
    mesh.names["headless"].push_back(weft::gossip::testing::address_of(i).ip);
  }
  mesh.start(1, {.discovery = false}, {"headless:6783"});
  mesh.run_for(2s);
  CHECK(mesh.host(1).ready.size() == 3);
  CHECK(mesh.node(1).active_target_count() == 3);
}

TEST_CASE("gossip: overlay control: arrives at the other end's overlay as it was given") {
  Mesh mesh;
  mesh.start(1);
  mesh.start(2, {}, {"10.99.0.1"});
  REQUIRE(mesh.run_until([&] { return mesh.linked(2, 1); }, 2s));
  auto link = mesh.host(2).ready.begin()->first;
  auto payload = *from_hex("000305dc");
  mesh.act(2, [&](Node& node, Effects& out) {
    node.send_overlay_control(mesh.now(), link, payload, out);
  });
  mesh.run_for(100ms);
  REQUIRE(mesh.host(1).controls.size() == 1);
  CHECK(mesh.host(1).controls[0].payload == payload);
}

TEST_CASE("gossip: overlay control: a peer that names no overlays is spoken to without index") {
  Mesh mesh;
  mesh.start(1);
  auto id = mesh.knock(1, weft::gossip::testing::address_of(7, 999));
  Bytes sent;
  Link peer(mesh.now(),
            {.outbound = true,
             .features = {{"PeerNameFlavour", "mac"},
                          {"Name", name_of(7).text()},
                          {"NickName", ""},
                          {"UID", "7"},
                          {"ConnID", "7"}}},
            sent);
  std::vector<Bytes> messages;
  auto exchange = [&] {
    for (int round = 0; round < 5; ++round) {
      auto bytes = std::exchange(sent, {});
      mesh.act(1, [&](Node& node, Effects& out) { node.on_bytes(mesh.now(), *id, bytes, out); });
      peer.feed(std::exchange(mesh.host(1).to_strangers[*id], {}));
      while (auto event = peer.next(mesh.now(), sent)) {
        if (auto* message = std::get_if<Link::Message>(&*event)) messages.push_back(message->body);
      }
    }
  };
  exchange();
  REQUIRE(mesh.host(1).ready.count(*id) == 1);
  CHECK(mesh.host(1).ready.at(*id).overlays.empty());
  messages.clear();
  mesh.act(1, [&](Node& node, Effects& out) {
    node.send_overlay_control(mesh.now(), *id, *from_hex("0305dc"), out);
  });
  CHECK(peer.send(*from_hex("01"), sent));
  exchange();
  REQUIRE(messages.size() == 1);
  CHECK(messages[0] == *from_hex("0305dc"));
  REQUIRE(mesh.host(1).controls.size() == 1);
  CHECK(mesh.host(1).controls[0].payload == *from_hex("01"));
}
