// SPDX-License-Identifier: Apache-2.0
// Whom to connect to, from the nodes of the cluster.
#include "plugin/kube/core/peers.h"

#include <doctest/doctest.h>

#include "tests/unit/kube/core/api_model.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;

namespace {

Node node(const std::string& name, const std::string& internal, const std::string& external = "") {
  Node out;
  out.meta.name = name;
  if (auto addr = Ipv4Addr::parse(internal)) out.internal_ips.push_back(*addr);
  if (auto addr = Ipv4Addr::parse(external)) out.external_ips.push_back(*addr);
  return out;
}

using Texts = std::vector<std::string>;

struct Bench {
  SeededRng rng{1};
  Peers peers;
  TimePoint now = at_seconds(10);
  explicit Bench(Peers::Config config = {.own_node = "me"}) : peers(std::move(config), rng) {
    peers.on_node(node("me", "10.0.0.1"));
    peers.on_node(node("b", "10.0.0.10"));
    peers.on_node(node("a", "10.0.0.9", "203.0.113.1"));
    peers.on_node(node("c", "", "203.0.113.2"));
    peers.on_node(node("v6", ""));
  }
  template <class What>
  Effects act(What what) {
    Effects out;
    what(out);
    return out;
  }
  Effects told(bool well) {
    return act([&](Effects& out) { peers.on_told(now, well, out); });
  }
};

}  // namespace

TEST_CASE("peers: choice: InternalIP before ExternalIP, ourselves left out, sorted as numbers") {
  Bench b;
  b.peers.on_node(node("twin", "10.0.0.9"));
  CHECK(b.peers.addresses() == Texts{"10.0.0.9", "10.0.0.10", "203.0.113.2"});
  Bench other({.own_node = "renamed", .own_addresses = {*Ipv4Addr::parse("10.0.0.1")}});
  CHECK(other.peers.addresses() == Texts{"10.0.0.9", "10.0.0.10", "203.0.113.2"});
  Bench named({.own_node = "me", .named = {"gateway.example:6783", "10.0.0.9"}});
  CHECK(named.peers.addresses() ==
        Texts{"gateway.example:6783", "10.0.0.9", "10.0.0.10", "203.0.113.2"});
}

TEST_CASE(
    "peers: nothing is said before the list is complete, then all that the daemon shall know") {
  Bench b;
  CHECK(b.act([&](Effects& out) { b.peers.on_changed(out); }).empty());
  const auto first = all<Connect>(b.act([&](Effects& out) { b.peers.on_synced(out); }));
  REQUIRE(first.size() == 1);
  CHECK(first[0].replace);
  CHECK(first[0].peers == Texts{"10.0.0.9", "10.0.0.10", "203.0.113.2"});
}

TEST_CASE("peers: changes: who comes is added, who goes is forgotten, one message at a time") {
  Bench b;
  b.act([&](Effects& out) { b.peers.on_synced(out); });
  b.peers.on_node(node("d", "10.0.0.4"));
  b.peers.on_node_gone("a");
  b.peers.on_node(node("b", "10.0.0.11"));
  CHECK(b.act([&](Effects& out) { b.peers.on_changed(out); }).empty());
  const auto more = all<Connect>(b.told(true));
  REQUIRE(more.size() == 1);
  CHECK(!more[0].replace);
  CHECK(more[0].peers == Texts{"10.0.0.11", "10.0.0.4"});
  const auto fewer = all<Forget>(b.told(true));
  REQUIRE(fewer.size() == 1);
  CHECK(fewer[0].peers == Texts{"10.0.0.10", "10.0.0.9"});
  CHECK(b.told(true).empty());
  CHECK(b.act([&](Effects& out) { b.peers.on_synced(out); }).empty());
}

TEST_CASE("peers: daemon: what it may not have heard is said again, as a whole") {
  Bench b;
  b.act([&](Effects& out) { b.peers.on_synced(out); });
  CHECK(b.told(false).empty());
  REQUIRE(b.peers.next_deadline());
  b.now = *b.peers.next_deadline();
  const auto again = all<Connect>(b.act([&](Effects& out) { b.peers.on_deadline(b.now, out); }));
  REQUIRE(again.size() == 1);
  CHECK(again[0].replace);
  b.told(true);
  const auto anew = all<Connect>(b.act([&](Effects& out) { b.peers.on_daemon_started(out); }));
  REQUIRE(anew.size() == 1);
  CHECK(anew[0].replace);
}

TEST_CASE("peers: the last other node that goes leaves nobody to connect to") {
  Bench b;
  b.act([&](Effects& out) { b.peers.on_synced(out); });
  b.told(true);
  for (const char* name : {"a", "b", "c"})
    b.peers.on_node_gone(name);
  const auto gone = all<Forget>(b.act([&](Effects& out) { b.peers.on_changed(out); }));
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].peers.size() == 3);
}
