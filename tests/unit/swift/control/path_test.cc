// SPDX-License-Identifier: Apache-2.0
// What the two ends of a tunnel make of their path: losing it and finding it again, its MTU, its
// ports, and addresses that change.
#include <doctest/doctest.h>

#include "tests/unit/swift/control/two_ends.h"

using namespace weft;
using namespace weft::swift;
using namespace weft::test;

TEST_CASE("swift path: loss: whichever direction fails, both ends know within four seconds") {
  for (const bool there : {true, false}) {
    CAPTURE(there);
    TwoEnds ends(1);
    REQUIRE(ends.run_until([&] { return ends.both_up(); }, 2s));
    ends.run_for(10s);
    (there ? ends.faults.blocked_there : ends.faults.blocked_back) = true;
    const TimePoint broken = ends.now;
    REQUIRE(ends.run_until([&] { return ends.both_down(); }, 4s));
    CHECK((ends.now - broken <= 3s + 10ms));
    const TunnelStatus status = ends.dialler.tunnel->status();
    CHECK(status.trouble.find("UDP 6783") != std::string::npos);
    CHECK(status.trouble.find("10.0.0.2") != std::string::npos);
    CHECK(status.retry.has_value());
    ends.faults.blocked_there = ends.faults.blocked_back = false;
    REQUIRE(ends.run_until([&] { return ends.both_up(); }, 6s));
    CHECK(ends.dialler.tunnel->status().trouble.empty());
  }
}

TEST_CASE(
    "swift path: quiet: everything an idle path asks is asked once a second, all paths at once") {
  TwoEnds ends(21);
  ends.now += 137ms;
  ends.run_for(10s);
  REQUIRE(ends.both_up());
  for (auto* end : {&ends.dialler, &ends.acceptor}) {
    end->asked_at.clear();
  }
  ends.run_for(60s);
  for (const auto* end : {&ends.dialler, &ends.acceptor}) {
    CHECK(end->asked_at.size() == 60);
    for (const TimePoint at : end->asked_at)
      CHECK((at.time_since_epoch() % Duration(Path::kHeartbeatUp) == Duration(0)));
  }
}

TEST_CASE("swift path: loss: a path that was dead for an hour comes back by itself") {
  TwoEnds ends(2);
  ends.run_for(10s);
  ends.faults.blocked_there = true;
  ends.run_for(1h);
  CHECK(ends.both_down());
  CHECK((*ends.dialler.tunnel->status().retry - ends.now <= Path::kBackOffMax));
  ends.faults.blocked_there = false;
  CHECK(ends.run_until([&] { return ends.both_up(); }, Path::kBackOffMax + 5s));
}

TEST_CASE("swift path: back-off: a path that never works is told of once and tried less and less") {
  TwoEnds ends(3);
  ends.faults.blocked_there = true;
  ends.run_for(10min);
  CHECK_FALSE(ends.dialler.tunnel->up());
  const auto told = std::ranges::count_if(ends.dialler.log, [](const std::string& line) {
    return line.find("does not work") != std::string::npos;
  });
  CHECK(told == 1);
  // Who accepted has nowhere to send to.
  CHECK(ends.acceptor.tunnel->status().trouble.find("is UDP 6783 open on this host") !=
        std::string::npos);
}

TEST_CASE("swift path: noise: a tenth of all datagrams lost does not bring it down") {
  TwoEnds ends(4);
  ends.run_for(5s);
  ends.faults.loss = 0.1;
  ends.faults.jitter = 20ms;
  for (int i = 0; i < 600; ++i) {
    ends.run_for(1s);
    REQUIRE(ends.both_up());
  }
}

TEST_CASE("swift path: mtu: both ends find it, and never send more than the path carries") {
  for (const int mtu : {600, 1280, 1399, 1437, 1500, 1600}) {
    CAPTURE(mtu);
    TwoEnds ends(5, {.mtu_ceiling = 1500});
    ends.faults.mtu = mtu;
    ends.run_for(10s);
    REQUIRE(ends.both_up());
    const int best = std::min(mtu, 1500);
    for (const auto* end : {&ends.dialler, &ends.acceptor}) {
      CHECK(end->applied->path_mtu <= best);
      CHECK(end->applied->path_mtu >= best - MtuSearch::kPrecision);
      CHECK(end->tunnel->mtu() == end->applied->path_mtu - 90);
    }
    const int lost = ends.dialler.data_sent - ends.acceptor.data_opened;
    CHECK(lost <= 1);  // still flying
  }
}

TEST_CASE("swift path: mtu: a path that carries less than 576 bytes is left alone, with reason") {
  TwoEnds ends(6);
  ends.faults.mtu = 500;
  ends.run_for(30s);
  CHECK_FALSE(ends.dialler.tunnel->up());
  CHECK(ends.dialler.tunnel->status().trouble.find("576") != std::string::npos);
}

TEST_CASE("swift path: mtu: one that narrows is followed within ten seconds") {
  TwoEnds ends(7);
  ends.run_for(10s);
  ends.faults.mtu = 1400;
  ends.run_for(10s);
  CHECK(ends.dialler.applied->path_mtu == 1400);
  CHECK(ends.acceptor.applied->path_mtu == 1400);
  CHECK(ends.both_up());
}

TEST_CASE("swift path: ports: streams use their own where those get through") {
  TwoEnds ends(8);
  ends.run_for(5s);
  CHECK_FALSE(ends.dialler.applied->one_source_port);
  CHECK_FALSE(ends.acceptor.applied->one_source_port);
  ends.faults.main_port_only = true;
  ends.run_for(5s);
  CHECK(ends.dialler.applied->one_source_port);
  CHECK(ends.both_up());
  ends.faults.main_port_only = false;
  ends.run_for(70s);
  CHECK_FALSE(ends.dialler.applied->one_source_port);
}

TEST_CASE("swift path: nat: the outside address is learnt, and one source port serves") {
  TwoEnds ends(9);
  ends.faults.nat = Endpoint{Ipv4Addr{0xc0000201}, 31000};
  ends.run_for(5s);
  CHECK(ends.both_up());
  CHECK((ends.acceptor.applied->remote == Endpoint{Ipv4Addr{0xc0000201}, 31000}));
  CHECK(ends.dialler.applied->one_source_port);
}

TEST_CASE("swift path: rebinding: a sealed tunnel follows, a plain one only on the same host") {
  for (const bool sealed : {true, false}) {
    CAPTURE(sealed);
    TwoEnds ends(10, {.sealed = sealed});
    ends.faults.nat = Endpoint{Ipv4Addr{0x0a000001}, 31000};
    ends.run_for(5s);
    REQUIRE(ends.both_up());
    ends.faults.nat->port = 32000;
    ends.run_for(4s);
    CHECK(ends.both_up());
    CHECK(ends.acceptor.applied->remote.port == 32000);
    ends.faults.nat->ip = Ipv4Addr{0xc0000201};
    ends.run_for(8s);
    CHECK(ends.acceptor.tunnel->up() == sealed);
    CHECK((ends.acceptor.applied->remote.ip == ends.faults.nat->ip) == sealed);
  }
}

TEST_CASE("swift path: rebinding: a heartbeat that is late does not move the peer back") {
  TwoEnds ends(11);
  ends.run_for(5s);
  const Endpoint at = ends.acceptor.tunnel->status().remote;
  const ProbeReceived stale{.tunnel = ends.acceptor.tunnel->index(),
                            .from = {Ipv4Addr{0xc6336401}, 6783},
                            .probe = {.main_port = true, .number = 1}};
  ends.acceptor.tunnel->on_probe(ends.now, stale, ends.acceptor.out);
  ends.carry_out(ends.acceptor);
  CHECK((ends.acceptor.tunnel->status().remote == at));
}

TEST_CASE("swift path: flood: probes beyond the limit are not answered") {
  TwoEnds ends(12);
  ends.run_for(5s);
  std::size_t answers = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    ends.acceptor.tunnel->on_probe(ends.now,
                                   {.tunnel = ends.acceptor.tunnel->index(),
                                    .from = ends.dialler.address,
                                    .probe = {.main_port = true, .number = 100000 + i}},
                                   ends.acceptor.out);
    answers += ends.acceptor.out.probes.size();
    ends.acceptor.out = {};
  }
  CHECK(answers <= Path::kAnswersMax);
  ends.run_for(10s);
  CHECK(ends.both_up());
}

TEST_CASE("swift path: lies: echoes of what was never sent change nothing") {
  TwoEnds ends(13);
  ends.run_for(5s);
  ends.faults.blocked_back = true;
  SeededRng rng(1);
  for (int i = 0; i < 400; ++i) {
    ends.run_for(10ms);
    const bool sized = rng.below(2) == 0;
    ends.dialler.tunnel->on_probe(
        ends.now,
        {.tunnel = ends.dialler.tunnel->index(),
         .from = ends.acceptor.address,
         .probe = {.kind = sized ? ProbeKind::mtu_echo : ProbeKind::echo,
                   .main_port = true,
                   .number = 1000000 + rng.below(1000),
                   .packet_size = static_cast<std::uint16_t>(sized ? 9000 : 0)}},
        ends.dialler.out);
    ends.carry_out(ends.dialler);
  }
  CHECK_FALSE(ends.dialler.tunnel->up());
  CHECK(ends.dialler.applied->path_mtu == 1500);
}
