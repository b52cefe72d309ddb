// SPDX-License-Identifier: Apache-2.0
// Two hosts with one link between them, pod 1 on the first and pod 2 on the second.
#pragma once

#include <doctest/doctest.h>

#include "tests/unit/dataplane/frames.h"
#include "tests/unit/dataplane/world.h"

namespace weft::test {

inline constexpr std::string_view kCanary = "canary in the overlay";

struct Pair {
  // The second host's bridge may take less than the first one's.
  explicit Pair(std::optional<std::string> password, std::uint64_t seed = 1,
                std::size_t far_bridge_mtu = 65535)
      : world(seed) {
    world.add_host();
    world.add_host(far_bridge_mtu);
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

}  // namespace weft::test
