// SPDX-License-Identifier: Apache-2.0
// Two data planes over a network under virtual time.
#include <doctest/doctest.h>

#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/world.h"

using namespace weft;
using namespace weft::test;

namespace {

constexpr std::string_view kCanary = "canary in the overlay";

// Two hosts with one link, and pods 1 on the first and 2 on the second.
struct Pair {
  explicit Pair(std::optional<std::string> password, std::uint64_t seed = 1) : world(seed) {
    world.add_host();
    world.add_host();
    const PeerName a = peer_name(1);
    const PeerName b = peer_name(2);
    world.plane(0).on_routes({.unicast = {{a, {}}, {b, b}}, .broadcast_hops = {{a, {b}}, {b, {}}}});
    world.plane(1).on_routes({.unicast = {{b, {}}, {a, a}}, .broadcast_hops = {{b, {a}}, {a, {}}}});
    options.password = std::move(password);
  }
  void connect() { link = world.connect(0, 1, options); }
  gossip::LinkId far() { return world.far_link(0, link); }
  bool established() {
    return world.host(0).established.contains(link) && world.host(1).established.contains(far());
  }
  void settle() {
    connect();
    REQUIRE(world.run_until([this] { return established(); }, 5s));
    world.run_for(30s);
  }
  // Both pods say something, so that both sides know both.
  void greet() {
    world.capture(0, opaque_frame(kBroadcast, mac(1), "hello"));
    world.run_for(10ms);
    world.capture(1, opaque_frame(mac(1), mac(2), "hello yourself"));
    world.run_for(10ms);
    world.host(0).injected.clear();
    world.host(1).injected.clear();
  }

  World world;
  World::LinkOptions options;
  gossip::LinkId link;
};

}  // namespace

TEST_CASE("dataplane: two hosts: a tunnel is established both ways and its MTU verified") {
  for (bool encrypted : {false, true}) {
    CAPTURE(encrypted);
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt);
    pair.connect();
    REQUIRE(pair.world.run_until([&] { return pair.established(); }, 100ms));
    pair.world.run_for(30s);
    const auto status = pair.world.plane(0).link_status(pair.link);
    CHECK(status.overlay == "sleeve");
    CHECK(status.established);
    CHECK(status.encrypted == encrypted);
    CHECK(status.mtu == (encrypted ? 1414 : 1438));
    CHECK(status.waiting_for.empty());
    CHECK(pair.world.plane(1).link_status(pair.far()).mtu == (encrypted ? 1414 : 1438));
  }
}

TEST_CASE("dataplane: two hosts: frames cross both ways, in the clear only without a key") {
  for (bool encrypted : {false, true}) {
    CAPTURE(encrypted);
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt);
    pair.world.record = true;
    pair.settle();
    pair.greet();
    for (bool df : {false, true}) {
      const Bytes there = sized_ipv4_frame(mac(2), mac(1), 1000, {.df = df});
      const Bytes back = sized_ipv4_frame(mac(1), mac(2), 200, {.df = df});
      pair.world.capture(0, there);
      pair.world.capture(1, back);
      pair.world.run_for(10ms);
      REQUIRE(pair.world.host(1).injected == std::vector<Bytes>{there});
      REQUIRE(pair.world.host(0).injected == std::vector<Bytes>{back});
      pair.world.host(0).injected.clear();
      pair.world.host(1).injected.clear();
    }
    const bool seen = std::ranges::any_of(pair.world.recorded,
                                          [](const Bytes& b) { return contains(b, kCanary); });
    CHECK(seen == !encrypted);
  }
}
