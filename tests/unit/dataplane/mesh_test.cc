// SPDX-License-Identifier: Apache-2.0
// Several data planes: relaying along a line, flooding over trees, and routes that contradict.
#include <doctest/doctest.h>

#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/topology.h"

using namespace weft;
using namespace weft::test;

namespace {

// Host i has pod mac(i + 1).
struct Mesh {
  Mesh(std::size_t count, Edges edges_in, std::uint64_t seed = 1)
      : world(seed), hosts(count), edges(std::move(edges_in)) {
    for (std::size_t i = 0; i < count; ++i)
      world.add_host();
    set_routes(world, count, edges);
    for (const auto& [a, b] : edges)
      world.connect(a, b, {.password = "secret"});
    world.run_for(30s);
    world.record = true;
  }
  void greet() {
    for (std::size_t i = 0; i < hosts; ++i) {
      world.capture(i, opaque_frame(kBroadcast, mac(i + 1), "hello"));
      world.run_for(50ms);
    }
    clear();
  }
  void clear() {
    for (std::size_t i = 0; i < hosts; ++i)
      world.host(i).injected.clear();
  }
  std::vector<std::size_t> injected() {
    std::vector<std::size_t> counts;
    for (std::size_t i = 0; i < hosts; ++i)
      counts.push_back(world.host(i).injected.size());
    return counts;
  }
  World world;
  std::size_t hosts;
  Edges edges;
};

Edges full(std::size_t count) {
  Edges edges;
  for (std::size_t a = 0; a < count; ++a) {
    for (std::size_t b = a + 1; b < count; ++b)
      edges.emplace_back(a, b);
  }
  return edges;
}

}  // namespace

TEST_CASE("dataplane: mesh: a flood reaches every other host once, whatever the shape") {
  const std::vector<std::pair<std::size_t, Edges>> shapes{
      {4, {{0, 1}, {1, 2}, {2, 3}}},
      {5, {{0, 1}, {0, 2}, {0, 3}, {0, 4}}},
      {5, full(5)},
      {6, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 0}}},
  };
  for (const auto& [count, edges] : shapes) {
    Mesh mesh(count, edges);
    for (std::size_t origin = 0; origin < count; ++origin) {
      mesh.world.capture(origin, opaque_frame(kBroadcast, mac(origin + 1), "who is there"));
      mesh.world.run_for(100ms);
      std::vector<std::size_t> expected(count, 1);
      expected[origin] = 0;
      CHECK(mesh.injected() == expected);
      mesh.clear();
    }
  }
}

TEST_CASE("dataplane: mesh: over a line of four, pods at the ends talk through two relays") {
  Mesh mesh(4, {{0, 1}, {1, 2}, {2, 3}});
  mesh.greet();
  const Bytes there = sized_ipv4_frame(mac(4), mac(1), 1000);
  const Bytes back = sized_ipv4_frame(mac(1), mac(4), 64);
  mesh.world.capture(0, there);
  mesh.world.capture(3, back);
  mesh.world.run_for(50ms);
  CHECK(mesh.world.host(3).injected == std::vector<Bytes>{there});
  CHECK(mesh.world.host(0).injected == std::vector<Bytes>{back});
  CHECK(mesh.injected() == std::vector<std::size_t>{1, 0, 0, 1});
  CHECK(mesh.world.plane(1).counters().relayed_frames >= 2);
  for (const Bytes& datagram : mesh.world.recorded)
    CHECK_FALSE(contains(datagram, "canary"));
}

TEST_CASE("dataplane: mesh: a relay with a narrow path answers the distant sender") {
  Mesh mesh(3, {{0, 1}, {1, 2}});
  mesh.greet();
  // The relay finds that its own path onwards is narrower than the sender's.
  mesh.world.faults.path_mtu = 1000;
  mesh.world.capture(1, sized_ipv4_frame(mac(3), mac(2), 1400));
  mesh.world.run_for(1s);
  mesh.world.faults.path_mtu = 1500;
  mesh.clear();
  mesh.world.capture(0, sized_ipv4_frame(mac(3), mac(1), 1400));
  mesh.world.run_for(1s);
  CHECK(mesh.injected() == std::vector<std::size_t>{1, 0, 0});
  const Bytes& icmp = mesh.world.host(0).injected.at(0);
  CHECK(packet::source_mac(icmp) == mac(3));
  CHECK(to_hex(ByteView(icmp).subspan(34, 2)) == "0304");
  CHECK(load_u16(ByteView(icmp).subspan(40)) == 1000 - 86);
}

TEST_CASE("dataplane: mesh: routes that contradict each other do not make frames circle") {
  Mesh mesh(3, full(3));
  mesh.greet();
  const PeerName a = peer_name(1), b = peer_name(2), c = peer_name(3);
  // Each sends what is for c to the other, and everybody floods everything to everybody.
  mesh.world.plane(0).on_routes(
      {.unicast = {{b, b}, {c, b}}, .broadcast_hops = {{a, {b, c}}, {b, {c, b}}, {c, {b}}}});
  mesh.world.plane(1).on_routes(
      {.unicast = {{a, a}, {c, a}}, .broadcast_hops = {{a, {c, a}}, {b, {a, c}}, {c, {a}}}});
  const auto sent = [&] {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < 3; ++i)
      total += mesh.world.plane(i).counters().sent_datagrams;
    return total;
  };
  const auto before = sent();
  mesh.world.capture(0, opaque_frame(mac(3), mac(1), "to c"));
  mesh.world.run_for(2s);
  CHECK(sent() - before < 20);
  CHECK(mesh.world.plane(1).counters().dropped_looped == 1);
}

TEST_CASE("dataplane: mesh: a frame in the name of a stranger or of ourselves teaches nothing") {
  World world(1);
  world.add_host();
  world.add_host();
  set_routes(world, 2, {{0, 1}});
  world.connect(0, 1, {});
  world.run_for(5s);
  const Bytes inner = opaque_frame(kBroadcast, mac(9), "who am I");
  const auto before = world.plane(1).counters();
  for (const std::uint64_t source : {77U, 2U}) {  // unknown; the receiver itself
    Bytes datagram;
    Writer w(datagram);
    w.u48(peer_name(1).value()).u48(peer_name(source).value()).u48(peer_name(2).value());
    w.u16(static_cast<std::uint16_t>(inner.size())).bytes(inner);
    world.deliver(1, world.host(0).address, datagram);
  }
  CHECK(world.host(1).injected.empty());
  CHECK(world.plane(1).macs().empty());
  CHECK(world.plane(1).counters().dropped_unknown_sender == before.dropped_unknown_sender + 1);
  CHECK(world.plane(1).counters().dropped_looped == before.dropped_looped + 1);
}
