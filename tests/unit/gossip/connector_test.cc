// SPDX-License-Identifier: Apache-2.0
#include "gossip/connector.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{Duration(1h)};

Endpoint at(std::uint32_t host, std::uint16_t port = 6783) {
  return {{10U << 24 | host}, port};
}
PeerName name(std::uint64_t number) {
  return PeerName::from_u48(number);
}
std::vector<Target> targets(const std::vector<std::string>& texts) {
  std::vector<Target> out;
  for (const auto& text : texts)
    out.push_back(Target::parse(text).value());
  return out;
}

struct Fixture {
  SeededRng rng{1};
  Connector connector{{.port = 6783, .conn_limit = 10}, rng};
  Connector::Surroundings around{};
  std::map<Endpoint, PeerName> discovered;

  std::vector<Endpoint> dials(TimePoint now) {
    around.discovered = &discovered;
    return connector.plan(now, around).dial;
  }
  LinkStatus only() {
    std::vector<LinkStatus> all;
    connector.report(all);
    REQUIRE(all.size() == 1);
    return all[0];
  }
};

}  // namespace

TEST_CASE("connector: direct: is dialled at once, then quickly, then with growing pauses") {
  Fixture f;
  f.connector.add(kStart, targets({"10.0.0.1"}), false);
  TimePoint now = kStart;
  std::vector<Duration> pauses;
  for (int i = 0; i < 30; ++i) {
    REQUIRE(f.dials(now) == std::vector{at(1)});
    CHECK(f.dials(now).empty());
    f.connector.on_dial_failed(now, at(1), "connection refused");
    auto next = f.connector.next_deadline();
    REQUIRE(next.has_value());
    pauses.push_back(*next - now);
    now = *next;
  }
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(pauses[i] == kQuickRetries[i]);
  CHECK(pauses[4] >= 1s);
  CHECK(pauses[4] <= 3s);
  CHECK(pauses.back() >= 3min);
  CHECK(pauses.back() <= 9min);
}

TEST_CASE("connector: lived long: an old connection is tried again at once, a young one later") {
  Fixture f;
  f.connector.add(kStart, targets({"10.0.0.1"}), false);
  f.dials(kStart);
  f.connector.on_connected(at(1), name(1));
  f.connector.on_terminated(kStart + 61s, at(1), {.error = "reset"});
  CHECK(f.dials(kStart + 61s).size() == 1);
  f.connector.on_connected(at(1), name(1));
  f.connector.on_terminated(kStart + 62s, at(1), {.error = "reset"});
  CHECK(f.dials(kStart + 62s).empty());
  CHECK(f.only().error == "reset");
  CHECK(f.only().state == LinkState::failed);
}

TEST_CASE("connector: never: a hopeless target waits for the operator's word") {
  Fixture f;
  f.connector.add(kStart, targets({"10.0.0.1", "10.0.0.2"}), false);
  f.dials(kStart);
  f.connector.on_terminated(kStart, at(1), {.error = "ourself", .never_retry = true});
  CHECK(f.connector.active_count() == 1);
  f.connector.on_connected(at(2), name(2));
  CHECK(f.only().retry_never);
  CHECK(f.dials(kStart + 24h).empty());
  f.connector.add(kStart + 24h, targets({"10.0.0.1"}), false);
  CHECK(f.dials(kStart + 24h) == std::vector{at(1)});
}

TEST_CASE("connector: inbound: a peer that dialled us is not dialled, unless a port was given") {
  Fixture f;
  f.around.inbound_ips = {at(1).ip};
  f.around.connections = 1;
  f.connector.add(kStart, targets({"10.0.0.1"}), false);
  CHECK(f.dials(kStart).empty());
  f.connector.add(kStart, targets({"10.0.0.1:6784"}), false);
  CHECK(f.dials(kStart) == std::vector{at(1, 6784)});
  // Once it is known who answers there, a connection with that peer the other way round will do.
  f.connector.on_terminated(kStart, at(1, 6784), {.error = "duplicate", .peer = name(1)});
  f.around.peers = {name(1)};
  CHECK(f.dials(kStart + 1h).empty());
  CHECK_FALSE(f.connector.next_deadline().has_value());
  f.around = {};
  CHECK(f.dials(kStart + 1h).size() == 2);
}

TEST_CASE("connector: discovery: reported addresses are dialled, and forgotten when connected") {
  Fixture f;
  f.discovered = {{at(5), name(5)}, {at(6), name(6)}};
  CHECK(f.dials(kStart).size() == 2);
  f.connector.on_dial_failed(kStart, at(5), "refused");
  f.connector.on_connected(at(6), name(6));
  CHECK_FALSE(f.connector.is_direct(at(5)));
  f.around.peers = {name(5), name(6)};
  f.dials(kStart);
  std::vector<LinkStatus> all;
  f.connector.report(all);
  CHECK(all.empty());
}

TEST_CASE("connector: discovery: a flood of reports is dialled a few at a time") {
  Fixture f;
  for (std::uint32_t i = 1; i <= 10'000; ++i)
    f.discovered.emplace(at(i), name(i));
  auto first = f.dials(kStart);
  CHECK(first.size() == kDiallingMax);
  CHECK(f.dials(kStart + 1s).empty());
  for (auto to : first)
    f.connector.on_dial_failed(kStart, to, "refused");
  CHECK(f.dials(kStart).size() == kDiallingMax);
  std::vector<LinkStatus> all;
  f.connector.report(all);
  CHECK(all.size() <= kDiscoveredMax);
}

TEST_CASE("connector: limit: with a full table nothing is dialled, and the reason is shown") {
  Fixture f;
  f.around.connections = 10;
  f.connector.add(kStart, targets({"10.0.0.1"}), false);
  CHECK(f.dials(kStart).empty());
  CHECK(f.only().error == "connection limit (10) reached on this host");
  f.around.connections = 9;
  CHECK(f.dials(kStart + 5s).size() == 1);
}

TEST_CASE("connector: limit: with a full table those are dialled of whom nothing is heard") {
  Fixture f;
  f.around.connections = 10;
  std::vector<PeerName> asked;
  f.around.within_reach = [&](Endpoint to, PeerName peer) {
    asked.push_back(peer);
    return to == at(1);
  };
  f.discovered = {{at(3), name(3)}};
  f.connector.add(kStart, targets({"10.0.0.1", "10.0.0.2"}), false);
  CHECK(f.dials(kStart) == std::vector{at(2), at(3)});
  CHECK(asked == std::vector{PeerName(), PeerName(), name(3)});
}

TEST_CASE("connector: list: adding, replacing and forgetting say whether it changed") {
  Fixture f;
  CHECK(f.connector.add(kStart, targets({"10.0.0.1", "10.0.0.2"}), false));
  CHECK_FALSE(f.connector.add(kStart, targets({"10.0.0.2"}), false));
  CHECK(f.connector.add(kStart, targets({"10.0.0.2", "10.0.0.3"}), true));
  CHECK(f.connector.texts() == std::vector<std::string>{"10.0.0.2", "10.0.0.3"});
  CHECK_FALSE(f.connector.add(kStart, targets({"10.0.0.2", "10.0.0.3"}), true));
  CHECK_FALSE(f.connector.forget({"10.0.0.1"}));
  CHECK(f.connector.forget({"10.0.0.3"}));
  CHECK(f.dials(kStart) == std::vector{at(2)});
}

TEST_CASE("connector: names: are looked up before each attempt, and each address is dialled") {
  Fixture f;
  f.connector.add(kStart, targets({"peers:7000"}), false);
  auto plan = f.connector.plan(kStart, f.around);
  CHECK(plan.resolve == std::vector<std::string>{"peers"});
  CHECK(plan.dial.empty());
  CHECK(f.connector.plan(kStart, f.around).resolve.empty());
  CHECK(f.only().state == LinkState::connecting);
  CHECK(f.only().target == "peers:7000");
  f.connector.on_resolved(kStart, "peers", {at(2).ip, at(1).ip, at(2).ip}, "");
  CHECK(f.dials(kStart) == std::vector{at(1, 7000), at(2, 7000)});
  f.connector.on_connected(at(1, 7000), name(1));
  f.connector.on_dial_failed(kStart, at(2, 7000), "refused");
  auto due = *f.connector.next_deadline();
  plan = f.connector.plan(due, f.around);
  CHECK(plan.resolve.size() == 1);
  CHECK(plan.dial.empty());
  // While the name server is away, the old address is better than none.
  f.connector.on_resolved(due, "peers", {}, "timed out");
  CHECK(f.dials(due) == std::vector{at(2, 7000)});
}

TEST_CASE("connector: names: one that cannot be resolved is shown with the reason, and retried") {
  Fixture f;
  f.connector.add(kStart, targets({"nowhere"}), false);
  f.connector.plan(kStart, f.around);
  f.connector.on_resolved(kStart, "nowhere", {}, "no such host");
  CHECK(f.only().error == "cannot resolve 'nowhere': no such host");
  CHECK(f.only().state == LinkState::failed);
  CHECK(f.connector.active_count() == 1);
  auto due = f.connector.next_deadline();
  REQUIRE(due.has_value());
  CHECK(*due > kStart);
  CHECK(f.connector.plan(*due, f.around).resolve.size() == 1);
}
