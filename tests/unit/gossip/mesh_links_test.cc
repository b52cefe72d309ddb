// SPDX-License-Identifier: Apache-2.0
// Links that must not come about, or must end, and what the operator is told of them.
#include <doctest/doctest.h>

#include "tests/unit/gossip/mesh_harness.h"

using namespace weft;
using namespace weft::gossip;
using weft::gossip::testing::address_of;
using weft::gossip::testing::Mesh;
using weft::gossip::testing::name_of;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("links: password: both sides say that it differs") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Mesh mesh(seed);
    mesh.start(1, {.password = "one"});
    mesh.start(2, {.password = "two"}, {"10.99.0.1"});
    mesh.run_for(10s);
    CHECK_FALSE(mesh.linked(1, 2));
    CHECK(contains(mesh.error(1, 2), "password differs"));
    CHECK(contains(mesh.error(2, 1), "password differs"));
    // However often it tries, the accepting side keeps one line of it, and drops it in time.
    CHECK(mesh.node(1).status(mesh.now()).links.size() == 1);
    mesh.kill(2);
    mesh.run_for(6min);
    CHECK(mesh.node(1).status(mesh.now()).links.empty());
  }
}

TEST_CASE("links: password: one side without is named on both sides") {
  Mesh mesh;
  mesh.start(1, {.password = "one"});
  mesh.start(2, {}, {"10.99.0.1"});
  mesh.run_for(5s);
  CHECK(contains(mesh.error(1, 2), "we have a password, but the peer has none"));
  CHECK(contains(mesh.error(2, 1), "we have no password, but the peer requires one"));
}

TEST_CASE("links: refused: the dial error is shown with address, target and next retry") {
  Mesh mesh;
  mesh.start(1, {}, {"10.99.0.9:7000"});
  mesh.run_for(10s);
  auto status = mesh.node(1).status(mesh.now());
  REQUIRE(status.links.size() == 1);
  CHECK(status.links[0].error == "dial 10.99.0.9:7000: connection refused");
  CHECK(status.links[0].target == "10.99.0.9:7000");
  CHECK(status.links[0].attempts >= 5);
  CHECK(status.links[0].retry.has_value());
  CHECK(status.links[0].state == LinkState::failed);
}

TEST_CASE("links: quick retries: a host that comes up late is found within a second") {
  Mesh mesh;
  mesh.start(1, {}, {"10.99.0.2"});
  mesh.run_for(500ms);
  mesh.start(2);
  CHECK(mesh.run_until([&] { return mesh.linked(1, 2); }, 1300ms));
}

TEST_CASE("links: name collision: both hosts are named on both sides; a new name ends it") {
  Mesh mesh;
  mesh.start(1);
  auto& twin = mesh.start(2, {.name = name_of(1)}, {"10.99.0.1"});
  mesh.run_for(10s);
  for (unsigned i = 1; i <= 2; ++i) {
    auto status = mesh.node(i).status(mesh.now());
    auto& collision = status.name_collision;
    REQUIRE(collision.has_value());
    CHECK(status.colliding_name == name_of(1));
    CHECK(contains(*collision, "give one of them another --name"));
    CHECK(contains(*collision, "'host1' at 10.99.0.1"));
    CHECK(contains(*collision, "'host2' at 10.99.0.2"));
    CHECK(contains(mesh.error(i, 3 - i), "peer names collision"));
  }
  CHECK(twin.dials > 1);
  CHECK(twin.dials < 10);
  // The one that nobody has as a target keeps the name: it finds the other by itself.
  mesh.kill(1);
  mesh.start(1, {.name = name_of(9)});
  CHECK(mesh.run_until([&] { return mesh.linked(2, 1); }, 6min));
  CHECK(mesh.run_until([&] { return !mesh.node(2).status(mesh.now()).name_collision.has_value(); },
                       11min));
}

TEST_CASE("links: name collision: a third host names both, and keeps the one it had") {
  Mesh mesh;
  mesh.start(1);
  mesh.start(2, {.discovery = false}, {"10.99.0.1"});
  mesh.run_for(1s);
  mesh.start(3, {.discovery = false, .name = name_of(2)}, {"10.99.0.1"});
  mesh.run_for(30s);
  auto status = mesh.node(1).status(mesh.now());
  auto& collision = status.name_collision;
  REQUIRE(collision.has_value());
  CHECK(status.colliding_name == name_of(2));
  CHECK(contains(*collision, "give one of them another --name"));
  CHECK(contains(*collision, "'host2' at 10.99.0.2"));
  CHECK(contains(*collision, "'host3' at 10.99.0.3"));
  CHECK(mesh.linked(2, 1));
  CHECK_FALSE(mesh.linked(3, 1));
  CHECK(contains(mesh.error(1, 3), "peer names collision"));
  // The first one leaves: the second is let in, and all is well.
  mesh.kill(2);
  CHECK(mesh.run_until([&] { return mesh.linked(3, 1); }, 1min));
  CHECK_FALSE(mesh.node(1).status(mesh.now()).name_collision.has_value());
}

TEST_CASE("links: name collision: hosts that never meet are noticed through gossip") {
  Mesh mesh;
  mesh.start(1, {.discovery = false});
  mesh.start(2, {.discovery = false}, {"10.99.0.1"});
  mesh.start(3, {.discovery = false}, {"10.99.0.2"});
  mesh.start(4, {.discovery = false, .name = name_of(1)}, {"10.99.0.3"});
  mesh.run_for(1min);
  auto one = mesh.node(1).status(mesh.now()).name_collision;
  auto four = mesh.node(4).status(mesh.now()).name_collision;
  REQUIRE((one.has_value() || four.has_value()));
  CHECK(contains(one.value_or("") + four.value_or(""), "peer names collision"));
  CHECK(contains(one.value_or("") + four.value_or(""), "give one of them another --name"));
}

TEST_CASE("links: duplicates: of two that are dialled at once one survives, the same for both") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Mesh mesh(seed);
    mesh.start(1, {.password = seed % 2 ? "x" : ""}, {"10.99.0.2:6783"});
    mesh.start(2, {.password = seed % 2 ? "x" : ""}, {"10.99.0.1:6783"});
    mesh.run_for(10s);
    REQUIRE(mesh.host(1).ready.size() == 1);
    REQUIRE(mesh.host(2).ready.size() == 1);
    CHECK(mesh.host(1).ready.begin()->second.conn_uid ==
          mesh.host(2).ready.begin()->second.conn_uid);
    CHECK(mesh.wires() == 1);
    CHECK(mesh.converged());
    // Nobody keeps dialling a peer it is connected with the other way round.
    auto dials = mesh.host(1).dials + mesh.host(2).dials;
    mesh.run_for(10min);
    CHECK(mesh.host(1).dials + mesh.host(2).dials == dials);
    CHECK(mesh.host(1).peers_gone.empty());
  }
}

TEST_CASE("links: limit: a full table turns away whom others lead to, and says so") {
  Mesh mesh;
  mesh.start(1, {.discovery = false, .conn_limit = 2});
  mesh.start(2, {.discovery = false}, {"10.99.0.1"});
  mesh.start(3, {.discovery = false}, {"10.99.0.1"});
  mesh.run_for(5s);
  mesh.start(4, {.discovery = false}, {"10.99.0.2"});
  mesh.run_for(5s);
  mesh.connect(4, {"10.99.0.1"});
  mesh.run_for(20s);
  CHECK(mesh.host(1).ready.size() == 2);
  CHECK_FALSE(mesh.linked(1, 4));
  std::string all;
  for (const auto& link : mesh.node(1).status(mesh.now()).links)
    all += link.error;
  CHECK(contains(all, "connection limit (2) reached"));
  CHECK(contains(mesh.error(4, 1), "perhaps its connection limit is reached"));
}

TEST_CASE("links: limit: a newcomer is always let in, and a redundant connection given up") {
  for (bool delta : {true, false}) {
    CAPTURE(delta);
    Mesh mesh;
    testing::HostOptions options{.conn_limit = 2, .delta = delta};
    mesh.start(1, options);
    // All know the first host only, which has room for two.
    for (unsigned i = 2; i <= 5; ++i)
      mesh.start(i, options, {"10.99.0.1"});
    REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 60s));
    mesh.run_for(3min);
    CHECK(mesh.converged());
    for (unsigned i = 1; i <= 5; ++i)
      CHECK(mesh.host(i).ready.size() <= 2);
  }
}

TEST_CASE(
    "links: limit: who comes back after a power cut is let in though an old link is not gone") {
  Mesh mesh;
  for (unsigned i : {2U, 3U})
    mesh.start(i, {.discovery = false});
  mesh.connect(3, {"10.99.0.2"});
  mesh.start(1, {.discovery = false, .conn_limit = 2}, {"10.99.0.2", "10.99.0.3"});
  mesh.start(4, {.discovery = false}, {"10.99.0.2"});
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 10s));
  REQUIRE(mesh.host(1).ready.size() == 2);
  mesh.lose_power(4);
  mesh.start(4, {.discovery = false}, {"10.99.0.1"});
  mesh.run_for(100ms);
  // The second has not noticed, and by its word the new one is within reach.
  REQUIRE(mesh.linked(2, 4));
  CHECK(mesh.linked(4, 1));
  // It is no newcomer for long: once its own record is known, others lead to it.
  mesh.run_for(2min);
  CHECK(mesh.converged());
  CHECK(mesh.host(1).ready.size() == 2);
}

TEST_CASE("links: limit: what has become redundant goes, whoever settles the routes first") {
  Mesh mesh;
  for (unsigned i = 1; i <= 4; ++i)
    mesh.start(i, {.discovery = false});
  mesh.start(5, {.discovery = false, .conn_limit = 2});
  for (unsigned i = 1; i <= 4; ++i)
    mesh.connect(i, {"10.99.0.5"});
  mesh.run_for(5s);
  REQUIRE(mesh.host(5).ready.size() == 4);
  mesh.connect(1, {"10.99.0.2"});
  mesh.connect(3, {"10.99.0.4"});
  // A hub that always has something to tell settles its routes for that, before their own time.
  for (int i = 0; i < 300; ++i) {
    mesh.run_for(10ms);
    mesh.act(5, [&](Node& node, Effects& out) { node.broadcast(mesh.now(), Channel::ipam, out); });
  }
  CHECK(mesh.host(5).ready.size() == 2);
}

TEST_CASE("links: limit: a hub without a redundant connection exceeds its limit within bounds") {
  Mesh mesh;
  mesh.start(1, {.discovery = false, .conn_limit = 2});
  for (unsigned i = 2; i <= 12; ++i)
    mesh.start(i, {.discovery = false}, {"10.99.0.1"});
  mesh.run_for(60s);
  CHECK(mesh.host(1).ready.size() == 6);
}

TEST_CASE(
    "links: address: of two that are reported the next is dialled when the better one is dead") {
  for (bool both_dead : {false, true}) {
    CAPTURE(both_dead);
    Mesh mesh;
    mesh.start(2, {.discovery = false});
    for (unsigned i : {3U, 4U, 5U})
      mesh.start(i, {.discovery = false}, {i == 4 ? "10.99.0.2" : "10.98.0.2"});
    mesh.connect(4, {"10.99.0.3"});
    REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 10s));
    const Ipv4Addr better = *Ipv4Addr::parse("10.98.0.2");  // two say so
    const Ipv4Addr other = *Ipv4Addr::parse("10.99.0.2");
    mesh.dead = {better};
    if (both_dead) mesh.dead.insert(other);
    mesh.start(1, {}, {"10.99.0.3"});
    auto told = [&](Ipv4Addr at) {
      for (const auto& link : mesh.node(1).status(mesh.now()).links) {
        if (link.address.ip == at && link.retry) return link.error;
      }
      return std::string();
    };
    CHECK(mesh.run_until([&] { return !told(better).empty(); }, 5s));
    CHECK(told(better) == "dial 10.98.0.2:6783: connection timed out");
    CHECK(told(other).empty());
    if (both_dead) {
      CHECK(mesh.run_until([&] { return !told(other).empty(); }, 10s));
      CHECK(told(other) == "dial 10.99.0.2:6783: connection timed out");
      mesh.dead.erase(other);
    }
    CHECK(mesh.run_until([&] { return mesh.linked(1, 2); }, 15s));
    for (const auto& [id, link] : mesh.host(1).ready) {
      if (link.peer == name_of(2)) CHECK(link.remote.ip == other);
    }
  }
}

TEST_CASE("links: address: a host that moved is found again though nobody knows its new address") {
  Mesh mesh;
  mesh.start(1);
  mesh.start(2, {}, {"10.99.0.1"});
  mesh.start(3, {}, {"10.99.0.1"});
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 10s));
  // Host 1 has no targets; it loses all connections, and whoever knew its address has forgotten it.
  mesh.cut(1, 2);
  mesh.cut(1, 3);
  mesh.run_for(3min);
  CHECK_FALSE(mesh.converged());
  mesh.forget(2, {"10.99.0.1"});
  mesh.forget(3, {"10.99.0.1"});
  mesh.heal(1, 2);
  mesh.heal(1, 3);
  CHECK(mesh.run_until([&] { return mesh.converged(); }, 8min));
}

TEST_CASE("links: limit: a full table does not dial whom others lead to") {
  Mesh mesh;
  mesh.start(1, {.discovery = false, .conn_limit = 1}, {"10.99.0.2"});
  mesh.start(2, {.discovery = false});
  mesh.start(3, {.discovery = false}, {"10.99.0.2"});
  mesh.run_for(10s);
  CHECK(mesh.linked(1, 2));
  auto dials = mesh.host(1).dials;
  mesh.connect(1, {"10.99.0.3"});
  mesh.run_for(1min);
  CHECK(mesh.host(1).dials == dials);
  CHECK(contains(mesh.error(1, 3), "connection limit (1) reached"));
}

TEST_CASE("links: limit: two parts of a mesh whose tables are full find each other") {
  for (bool discovery : {true, false}) {
    CAPTURE(discovery);
    Mesh mesh;
    for (unsigned a = 1; a <= 3; ++a) {
      for (unsigned b = 4; b <= 6; ++b)
        mesh.cut(a, b);
    }
    std::vector<std::string> all;
    for (unsigned i = 1; i <= 6; ++i)
      all.push_back("10.99.0." + std::to_string(i));
    for (unsigned i = 1; i <= 6; ++i)
      mesh.start(i, {.discovery = discovery, .conn_limit = 2}, all);
    mesh.run_for(3min);
    for (unsigned i = 1; i <= 6; ++i)
      CHECK(mesh.host(i).ready.size() == 2);
    for (unsigned a = 1; a <= 3; ++a) {
      for (unsigned b = 4; b <= 6; ++b)
        mesh.heal(a, b);
    }
    REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 8min));
    mesh.run_for(3min);
    CHECK(mesh.converged());
    for (unsigned i = 1; i <= 6; ++i)
      CHECK(mesh.host(i).ready.size() <= 2);
  }
}

TEST_CASE("links: overlays: peers without a common one are refused by name") {
  Mesh mesh;
  mesh.start(1, {.overlays = {"swift"}});
  mesh.start(2, {}, {"10.99.0.1"});
  mesh.run_for(2s);
  CHECK(contains(mesh.error(2, 1), "ours are 'sleeve', theirs are 'swift'"));
}

TEST_CASE("links: garbage: a stranger who talks nonsense is closed and harms nobody") {
  Mesh mesh;
  mesh.start(1, {.password = "x"}, {"10.99.0.2"});
  mesh.start(2, {.password = "x"});
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 5s));
  Bytes noise(4096);
  for (unsigned attempt = 0; attempt < 200; ++attempt) {
    auto id = mesh.knock(1, address_of(77, static_cast<std::uint16_t>(attempt + 1)));
    if (!id) {
      mesh.run_for(1s);
      continue;
    }
    mesh.rng().fill(noise);
    // Some get further before they turn to nonsense.
    Bytes bytes;
    if (attempt % 3 != 0) Writer(bytes).bytes(as_bytes("weave")).u8(1).u8(2);
    if (attempt % 3 == 2) Writer(bytes).u8(1);
    append(bytes, noise);
    mesh.act(1, [&](Node& node, Effects& out) { node.on_bytes(mesh.now(), *id, bytes, out); });
    bool closed = false;
    for (const auto& line : mesh.host(1).log)
      closed = closed || contains(line.text, "closed");
    CHECK(closed);
  }
  CHECK(mesh.converged());
  // One line for each of the ways to fail, however often; at most sixteen.
  CHECK(mesh.node(1).status(mesh.now()).links.size() <= 17);
}

TEST_CASE("links: half open: silence ends in a refusal within the limits") {
  Mesh mesh;
  mesh.start(1);
  auto id = mesh.knock(1, address_of(77, 1));
  REQUIRE(id.has_value());
  mesh.run_for(9s);
  CHECK(mesh.error(1, 77).empty());
  mesh.run_for(2s);
  CHECK(mesh.error(1, 77) == "no protocol header within 10 s");
  id = mesh.knock(1, address_of(78, 1));
  mesh.act(1, [&](Node& node, Effects& out) {
    Bytes header;
    Writer(header).bytes(as_bytes("weave")).u8(1).u8(2);
    node.on_bytes(mesh.now(), *id, header, out);
  });
  mesh.run_for(61s);
  CHECK(mesh.error(1, 78) == "no introduction within 60 s");
}

TEST_CASE("links: flood: accepted connections are limited to twenty and one every 50 ms") {
  Mesh mesh;
  mesh.start(1);
  mesh.run_for(10s);
  unsigned accepted = 0;
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    if (mesh.knock(1, address_of(77, port))) ++accepted;
    mesh.run_for(1ms);
  }
  CHECK(accepted >= 38);
  CHECK(accepted <= 41);
}

TEST_CASE("links: trusted subnets: overlay traffic is in the clear only if both sides trust") {
  auto subnet = *Cidr::parse("10.99.0.0/24");
  for (bool both : {true, false}) {
    Mesh mesh;
    mesh.start(1, {.password = "x", .trusted = {subnet}});
    mesh.start(2, {.password = "x", .trusted = both ? std::vector{subnet} : std::vector<Cidr>{}},
               {"10.99.0.1"});
    REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 5s));
    for (unsigned i = 1; i <= 2; ++i) {
      CHECK(mesh.host(i).ready.begin()->second.overlay_key.has_value() == !both);
      CHECK(mesh.node(i).status(mesh.now()).links.front().encrypted == !both);
    }
  }
}

TEST_CASE("links: keys: both ends agree on the overlay key, and every link has its own") {
  Mesh mesh;
  mesh.start(1, {.password = "x"}, {"10.99.0.2", "10.99.0.3"});
  mesh.start(2, {.password = "x"});
  mesh.start(3, {.password = "x"});
  mesh.run_for(10s);
  std::map<std::uint64_t, std::set<std::string>> keys;
  for (unsigned i = 1; i <= 3; ++i) {
    for (const auto& [id, link] : mesh.host(i).ready) {
      REQUIRE(link.overlay_key.has_value());
      keys[link.conn_uid].insert(to_hex(link.overlay_key->reveal()));
    }
  }
  CHECK(keys.size() == 3);
  std::set<std::string> distinct;
  for (const auto& [uid, values] : keys) {
    CHECK(values.size() == 1);
    distinct.insert(*values.begin());
  }
  CHECK(distinct.size() == 3);
}

TEST_CASE("links: overlay failure: closes the link with the overlay's reason") {
  Mesh mesh;
  mesh.start(1, {.discovery = false}, {"10.99.0.2"});
  mesh.start(2, {.discovery = false});
  REQUIRE(mesh.run_until([&] { return mesh.converged(); }, 5s));
  auto link = mesh.host(1).ready.begin()->first;
  mesh.act(1, [&](Node& node, Effects& out) {
    node.on_overlay_failed(mesh.now(), link, "no working forwarders", out);
  });
  CHECK(mesh.error(1, 2) == "overlay: no working forwarders");
  CHECK(mesh.run_until([&] { return mesh.converged(); }, 10s));
}
