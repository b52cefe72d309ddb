// SPDX-License-Identifier: Apache-2.0
// Swift between data planes with real packet workers: chosen, lost and found again, mixed with
// hosts that have sleeve only, and relayed between the two.
#include <doctest/doctest.h>

#include "tests/unit/dataplane/swift_world.h"
#include "tests/unit/dataplane/topology.h"

using namespace weft;
using namespace weft::test;

namespace {

constexpr std::string_view kCanary = "canary in the overlay";

bool is_swift(ByteView datagram) {
  return !datagram.empty() && (datagram[0] & Byte{1}) != Byte{0};
}

// Hosts in a line, each linked to the next; host i has pod mac(i + 1).
struct Line {
  explicit Line(const std::vector<bool>& has_workers) {
    for (const bool workers : has_workers)
      world.add_host(workers);
    const std::size_t count = has_workers.size();
    Edges edges;
    for (std::size_t i = 0; i + 1 < count; ++i)
      edges.emplace_back(i, i + 1);
    for (std::size_t root = 0; root < count; ++root) {
      const auto parent = tree(count, edges, root);
      for (std::size_t i = 0; i < count; ++i) {
        routes[i].broadcast_hops[peer_name(root + 1)];
        if (parent[i] == i) continue;
        routes[i].unicast[peer_name(root + 1)] = peer_name(parent[i] + 1);
        routes[parent[i]].broadcast_hops[peer_name(root + 1)].push_back(peer_name(i + 1));
      }
    }
    for (std::size_t i = 0; i < count; ++i)
      world.host(i).plane.on_routes(routes[i]);
    for (const auto& [a, b] : edges)
      links.push_back(world.connect(a, b));
    world.run_for(10s);
  }

  dataplane::LinkOverlayStatus status(std::size_t i, gossip::LinkId link) {
    return world.host(i).plane.link_status(link);
  }
  dataplane::LinkOverlayStatus status() { return status(0, links[0]); }

  // A frame from a pod of host `from` to one of host `to`; which hosts' bridges got it.
  std::vector<std::size_t> say(std::size_t from, MacAddr to, std::size_t size = 600) {
    for (std::size_t i = 0; i < routes.size(); ++i)
      world.host(i).injected.clear();
    const Bytes frame = sized_ipv4_frame(to, mac(from + 1), size);
    world.capture(from, frame, turn_++ % 2);
    world.run_for(20ms);
    std::vector<std::size_t> got;
    for (std::size_t i = 0; i < routes.size(); ++i) {
      for (const Bytes& injected : world.host(i).injected) {
        CHECK(injected == frame);
        got.push_back(i);
      }
    }
    return got;
  }
  // Both directions, after which all MACs are known.
  void greet() {
    for (const auto& [i, unused] : routes)
      say(i, kBroadcast);
  }

  using Hosts = std::vector<std::size_t>;
  SwiftWorld world;
  std::map<std::size_t, dataplane::Routes> routes;
  std::vector<gossip::LinkId> links;

 private:
  std::size_t turn_ = 0;
};

}  // namespace

TEST_CASE("dataplane: swift: two hosts with workers choose it, and frames cross sealed") {
  Line line({true, true});
  const auto status = line.status();
  CHECK(status.overlay == "swift");
  CHECK(status.established);
  CHECK(status.encrypted);
  CHECK(status.mtu == 1410);
  CHECK(status.waiting_for.empty());
  REQUIRE(status.swift.has_value());
  CHECK(status.swift->epoch == 1);
  CHECK(line.world.host(0).established.contains(line.links[0]));
  line.world.recorded.clear();
  CHECK(line.say(0, kBroadcast) == Line::Hosts{1});
  CHECK(line.say(1, mac(1)) == Line::Hosts{0});
  CHECK(line.say(0, mac(2), 1424) == Line::Hosts{1});
  std::size_t by_swift = 0;
  for (const Bytes& datagram : line.world.recorded) {
    CHECK_FALSE(contains(datagram, kCanary));
    by_swift += is_swift(datagram) && datagram.size() > 600;
  }
  CHECK(by_swift == 3);
  // Every worker knows where everybody lives, whichever learnt it.
  CHECK(line.say(0, mac(2)) == Line::Hosts{1});
  // Each worker's own port gets through, so frames leave from it.
  CHECK_FALSE(line.status().swift->one_source_port);
  CHECK(line.say(0, mac(2)) == Line::Hosts{1});
  CHECK(line.world.host(0).plane.macs().size() == 2);
}

TEST_CASE("dataplane: swift: a path that swift loses goes on by sleeve, and swift comes back") {
  Line line({true, true});
  line.greet();
  line.world.keep = [](ByteView datagram) {
    return !is_swift(datagram);
  };
  REQUIRE(line.world.run_until([&] { return line.status().overlay == "sleeve"; }, 3100ms));
  line.world.run_for(1s);
  auto status = line.status();
  CHECK(status.established);
  CHECK(status.encrypted);
  REQUIRE(status.swift.has_value());
  CHECK(status.swift->trouble.find("no answer over UDP") != std::string::npos);
  CHECK(status.swift->retry.has_value());
  CHECK(line.world.host(0).failed.empty());
  CHECK(line.world.host(0).plane.counters().swift_lost_unanswered == 1);
  CHECK(line.say(0, mac(2)) == Line::Hosts{1});
  CHECK(line.say(1, mac(1)) == Line::Hosts{0});
  CHECK(line.say(0, kBroadcast) == Line::Hosts{1});
  line.world.keep = [](ByteView) {
    return true;
  };
  CHECK(line.world.run_until([&] { return line.status().overlay == "swift"; }, 10s));
  line.world.run_for(1s);
  CHECK(line.say(0, mac(2)) == Line::Hosts{1});
  CHECK(line.say(1, mac(1)) == Line::Hosts{0});
}

TEST_CASE(
    "dataplane: swift: where sleeve has died, swift carries on; when both have, the link fails") {
  Line line({true, true});
  line.world.keep = [](ByteView datagram) {
    return is_swift(datagram);
  };
  line.world.run_for(90s);
  CHECK(line.world.host(0).failed.empty());
  CHECK(line.status().overlay == "swift");
  CHECK(line.say(0, kBroadcast) == Line::Hosts{1});
  line.world.keep = [](ByteView) {
    return false;
  };
  line.world.run_for(4s);
  CHECK(line.world.host(0).failed.contains(line.links[0]));
  CHECK(line.world.host(1).failed.size() == 1);
}

TEST_CASE("dataplane: swift: a mixed pair uses sleeve, from and to packet workers") {
  for (const bool first : {true, false}) {
    Line line({first, !first});
    const auto status = line.status();
    CHECK(status.overlay == "sleeve");
    CHECK_FALSE(status.swift.has_value());
    CHECK(line.say(0, kBroadcast) == Line::Hosts{1});
    CHECK(line.say(1, mac(1)) == Line::Hosts{0});
    CHECK(line.say(0, mac(2)) == Line::Hosts{1});
    for (const Bytes& datagram : line.world.recorded)
      REQUIRE_FALSE(is_swift(datagram));
  }
}

TEST_CASE("dataplane: swift: frames are relayed from swift to swift, to sleeve, and from it") {
  for (const auto& hosts : std::vector<std::vector<bool>>{{true, true, true},
                                                          {true, true, false},
                                                          {false, true, true},
                                                          {false, true, false},
                                                          {true, false, true}}) {
    CAPTURE(hosts[0]);
    CAPTURE(hosts[1]);
    CAPTURE(hosts[2]);
    Line line(hosts);
    for (std::size_t origin = 0; origin < 3; ++origin) {
      Line::Hosts others{0, 1, 2};
      std::erase(others, origin);
      CHECK(line.say(origin, kBroadcast) == others);
    }
    for (std::size_t from = 0; from < 3; ++from) {
      for (std::size_t to = 0; to < 3; ++to) {
        if (from != to) CHECK(line.say(from, mac(to + 1)) == Line::Hosts{to});
      }
    }
  }
}

TEST_CASE("dataplane: swift: a new connection to the same peer gets new keys, and frames move") {
  Line line({true, true});
  line.greet();
  const auto old = line.status().swift->remote;
  const std::uint32_t index = line.world.host(0).spec->tunnels.at(0).index;
  line.world.disconnect(0, line.links[0]);
  CHECK(line.world.host(0).spec->tunnels.empty());
  line.links[0] = line.world.connect(0, 1);
  line.world.run_for(5s);
  CHECK(line.status().overlay == "swift");
  CHECK((line.status().swift->remote == old));
  CHECK(line.world.host(0).spec->tunnels.at(0).index != index);
  CHECK(line.say(0, mac(2)) == Line::Hosts{1});
}

TEST_CASE("dataplane: swift: keys change under traffic, and nothing is lost") {
  Line line({true, true});
  line.greet();
  for (int i = 0; i < 4000; ++i) {
    line.world.run_for(80ms);
    REQUIRE(line.say(0, mac(2), 100) == Line::Hosts{1});
    if (line.world.recorded.size() > 10000) line.world.recorded.clear();
  }
  CHECK(*line.status().swift->epoch >= 3);
}

TEST_CASE("dataplane: swift: names nobody knows and workers nobody has leave the numbering alone") {
  dataplane::Dataplane plane({.name = peer_name(1), .overlays = {"swift", "sleeve"}});
  dataplane::Output out;
  plane.on_link_ready(TimePoint{1h},
                      {.link = {1},
                       .peer = peer_name(2),
                       .conn_uid = 5,
                       .outbound = true,
                       .local = {Ipv4Addr{1}, 6783},
                       .remote = {Ipv4Addr{2}, 6783},
                       .overlays = {"sleeve", "warp", "swift"}},
                      out);
  CHECK(out.failed.empty());
  CHECK(plane.link_status({1}).overlay == "sleeve");
  plane.flush(TimePoint{1h}, out);
  CHECK(out.spec == nullptr);
  CHECK(out.control.empty());
}
