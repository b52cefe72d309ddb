// SPDX-License-Identifier: Apache-2.0
// Two data planes over a network under virtual time: establishing, losing and finding each other.
#include "tests/unit/dataplane/pair.h"

using namespace weft;
using namespace weft::test;

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

TEST_CASE("dataplane: two hosts: a bad network delays the tunnel and does not stop it") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Pair pair(seed % 2 == 0 ? std::optional<std::string>("secret") : std::nullopt, seed);
    pair.world.faults = {.loss = 0.2, .delay = 20ms, .jitter = 60ms};
    pair.connect();
    REQUIRE(pair.world.run_until([&] { return pair.established(); }, 20s));
    pair.world.run_for(5min);
    CHECK(pair.world.host(0).failed.empty());
    CHECK(pair.world.host(1).failed.empty());
    const int found = pair.world.plane(0).link_status(pair.link).mtu.value_or(0);
    CHECK(found >= 552);
    CHECK(found <= 1438);
    pair.world.faults.loss = 0;
    pair.greet();
    pair.world.faults.loss = 0.2;
    for (int i = 0; i < 200; ++i) {
      pair.world.capture(0, sized_ipv4_frame(mac(2), mac(1), 400));
    }
    pair.world.run_for(1s);
    CHECK(pair.world.host(1).injected.size() > 120);
    CHECK(pair.world.host(1).injected.size() < 195);
    CHECK(pair.world.plane(1).counters().dropped_replayed == 0);
    CHECK(pair.world.plane(1).counters().dropped_forged == 0);
  }
}

TEST_CASE("dataplane: two hosts: an MTU that only shows by silence is found by search") {
  Pair pair("secret");
  pair.world.faults.silent_mtu = 1300;
  pair.settle();
  pair.world.run_for(60s);
  CHECK(pair.world.plane(0).link_status(pair.link).mtu == 1300 - 86);
  CHECK(pair.world.plane(1).link_status(pair.far()).mtu == 1300 - 86);
}

TEST_CASE("dataplane: two hosts: a path that becomes narrower is noticed and searched again") {
  Pair pair(std::nullopt);
  pair.settle();
  pair.greet();
  pair.world.faults.path_mtu = 1200;
  pair.world.capture(0, sized_ipv4_frame(mac(2), mac(1), 1400));
  pair.world.run_for(10s);
  CHECK(pair.world.plane(0).link_status(pair.link).mtu == 1200 - 62);
}

TEST_CASE("dataplane: two hosts: a changed address is followed after a heartbeat, both ways") {
  for (bool encrypted : {false, true}) {
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt);
    pair.world.nat[0] = {Ipv4Addr{0xc0000201}, 31000};
    pair.settle();
    pair.greet();
    pair.world.nat[0] = {Ipv4Addr{0xc0000202}, 32000};
    pair.world.capture(1, sized_ipv4_frame(mac(1), mac(2), 100));
    pair.world.run_for(1ms);
    CHECK(pair.world.host(0).injected.empty());
    pair.world.run_for(11s);
    pair.world.capture(1, sized_ipv4_frame(mac(1), mac(2), 100));
    pair.world.run_for(10ms);
    CHECK(pair.world.host(0).injected.size() == 1);
    CHECK(std::ranges::any_of(pair.world.host(1).log, [](const LogLine& line) {
      return line.text.starts_with("remote address changed from 192.0.2.1:31000") &&
             line.address == "192.0.2.2:32000";
    }));
  }
}

TEST_CASE("dataplane: two hosts: a heartbeat of somebody else does not move the address") {
  Pair pair("secret");
  pair.world.record = true;
  pair.settle();
  Bytes old;  // a heartbeat of the dialler, replayed from elsewhere
  for (const Bytes& b : pair.world.recorded) {
    if (old.empty() && b.size() == 30 + 14 + 22) old = b;
  }
  REQUIRE_FALSE(old.empty());
  pair.greet();
  pair.world.deliver(1, {Ipv4Addr{0xc0000209}, 999}, old);
  CHECK(pair.world.plane(1).counters().dropped_replayed == 1);
  old.back() ^= Byte{1};
  pair.world.deliver(1, {Ipv4Addr{0xc0000209}, 999}, old);
  CHECK(pair.world.plane(1).counters().dropped_forged == 1);
  pair.world.capture(1, sized_ipv4_frame(mac(1), mac(2), 100));
  pair.world.run_for(10ms);
  CHECK(pair.world.host(0).injected.size() == 1);
}

TEST_CASE("dataplane: two hosts: 60 s of silence fail the link, and a new link works again") {
  Pair pair("secret");
  pair.settle();
  pair.world.blocked = {{0, 1}, {1, 0}};
  pair.world.run_for(49s);
  const bool early = pair.world.host(0).failed.contains(pair.link);
  pair.world.run_for(15s);
  CHECK_FALSE(early);
  CHECK(pair.world.host(0).failed[pair.link] ==
        "timed out waiting for UDP heartbeat of 10.99.0.2: it went silent, or UDP 6783 from it "
        "to us is now blocked");
  REQUIRE(pair.world.host(1).failed.contains(pair.far()));
  const auto status = pair.world.plane(0).link_status(pair.link);
  CHECK(status.overlay == "none");
  CHECK(status.waiting_for.starts_with("timed out"));
  pair.world.disconnect(0, pair.link);
  pair.world.blocked.clear();
  pair.settle();
  pair.greet();
  pair.world.capture(0, sized_ipv4_frame(mac(2), mac(1), 100));
  pair.world.run_for(10ms);
  CHECK(pair.world.host(1).injected.size() == 1);
}

TEST_CASE("dataplane: two hosts: the status names the port and direction to look at") {
  using Blocked = std::set<std::pair<std::size_t, std::size_t>>;
  struct Case {
    Blocked blocked;
    std::string dialler, acceptor;
  };
  const Case cases[] = {
      {{{0, 1}},
       "no heartbeat from 10.99.0.2: UDP 6783 from us to it, or from it to us, is blocked",
       "no heartbeat from 10.99.0.1: UDP 6783 from it to us is blocked"},
      {{{1, 0}},
       "no heartbeat from 10.99.0.2, which hears ours: UDP 6783 from it to us is blocked",
       "heartbeats of 10.99.0.1 arrive, but ours are not acknowledged: UDP 6783 from us to it is "
       "blocked"},
  };
  for (const Case& c : cases) {
    Pair pair("secret");
    pair.world.blocked = c.blocked;
    pair.connect();
    pair.world.run_for(10s);
    CHECK(pair.world.plane(0).link_status(pair.link).waiting_for == c.dialler);
    CHECK(pair.world.plane(1).link_status(pair.far()).waiting_for == c.acceptor);
    pair.world.run_for(55s);
    CHECK(pair.world.host(0).failed[pair.link].starts_with(
        "timed out waiting for UDP heartbeat of 10.99.0.2: UDP 6783 from"));
  }
}

TEST_CASE("dataplane: two hosts: a peer without a usable overlay fails with the reason") {
  struct Case {
    std::vector<std::string> overlays;
    std::string reason;
  };
  const Case cases[] = {
      {{}, "peer offers no overlays: protocol version 1 is not supported"},
      {{"awsvpc"}, "no overlays in common with peer, which offers awsvpc"},
  };
  for (const Case& c : cases) {
    Pair pair(std::nullopt);
    pair.options.overlays = c.overlays;
    pair.connect();
    CHECK(pair.world.host(0).failed[pair.link] == c.reason);
    CHECK(pair.world.plane(0).link_status(pair.link).overlay == "none");
    CHECK(pair.world.plane(0).link_status(pair.link).waiting_for == c.reason);
    pair.world.run_for(2min);
    CHECK(pair.world.datagrams_largest == 0);
  }
}
