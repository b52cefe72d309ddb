// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <doctest/doctest.h>

#include "base/rng.h"
#include "router/overlay/control_wire.h"
#include "router/overlay/decision.h"
#include "router/overlay/forwarding.h"
#include "router/overlay/log_limiter.h"
#include "router/overlay/overlay_switch.h"

using namespace weft;
using namespace weft::overlay;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

PeerName peer(std::uint64_t n) {
  return PeerName::from_u48(0x7a0000000000U + n);
}
MacAddr mac(std::uint64_t n) {
  return MacAddr{0x020000000000U + n};
}

Bytes frame(MacAddr to, MacAddr from) {
  Bytes out;
  Writer(out).u48(to.value).u48(from.value).u16(0x0806).zeros(28);
  return out;
}

}  // namespace

TEST_CASE("overlay: control: what is read is what is written, and nothing else can be written") {
  SeededRng rng(1);
  for (int round = 0; round < 20000; ++round) {
    const std::size_t count = rng.below(5);
    Bytes payload(rng.below(8));
    rng.fill(payload);
    if (!payload.empty() && rng.below(2) == 0) payload[0] = static_cast<Byte>(rng.below(4));
    const auto read = parse_control(payload, count);
    const bool legal = payload.size() >= 2 && std::to_integer<std::size_t>(payload[0]) < count;
    REQUIRE(read.has_value() == legal);
    if (legal) CHECK(*write_control(*read, count) == payload);

    const ControlMessage any{.index = rng.below(600), .tag = 3, .body = payload};
    const auto written = write_control(any, count);
    REQUIRE(written.has_value() == (any.index < count));
    if (written) {
      REQUIRE(written->size() >= 2);
      CHECK(std::to_integer<std::size_t>((*written)[0]) < count);
    }
  }
  const Bytes large(kControlBodyMax + 3);
  CHECK_FALSE(parse_control(large, 1).has_value());
  CHECK_FALSE(write_control({.index = 0, .tag = 1, .body = large}, 1).has_value());
  CHECK_FALSE(write_control({.index = 256, .tag = 1, .body = {}}, 1000).has_value());
}

TEST_CASE("overlay: switch: both ends number the common overlays alike, whatever they prefer") {
  const Names all{"swift", "fastdp", "sleeve", "aaa", "zzz"};
  SeededRng rng(2);
  for (int round = 0; round < 500; ++round) {
    Names ours, theirs;
    for (std::size_t i = rng.below(8); i > 0; --i)
      ours.push_back(all[rng.below(all.size())]);
    for (std::size_t i = rng.below(8); i > 0; --i)
      theirs.push_back(all[rng.below(all.size())]);
    CHECK(OverlaySwitch::common(ours, theirs) == OverlaySwitch::common(theirs, ours));
  }
  CHECK(OverlaySwitch::common({"swift", "fastdp", "sleeve"}, {"fastdp", "sleeve"}) ==
        Names{"fastdp", "sleeve"});
  CHECK(OverlaySwitch::common({"sleeve", "fastdp"}, {"sleeve", "fastdp"}) ==
        Names{"fastdp", "sleeve"});
  CHECK(OverlaySwitch::common({"sleeve"}, {"awsvpc"}).empty());
  Names flood(1000, "x");
  flood.push_back("sleeve");
  CHECK(OverlaySwitch::common({"sleeve"}, flood).empty());
}

TEST_CASE("overlay: switch: the first that is established wins, else the first that may become") {
  OverlaySwitch sw({"fastdp", "sleeve"});
  CHECK(sw.best() == 0);
  CHECK(sw.on_established(1));
  CHECK(sw.best() == 1);
  CHECK_FALSE(sw.on_established(0));
  CHECK(sw.best() == 0);
  sw.on_health(0, false);
  CHECK(sw.best() == 1);
  sw.on_health(0, true);
  CHECK(sw.best() == 0);
  sw.on_failed(0);
  CHECK(sw.best() == 1);
  sw.on_health(1, false);
  CHECK_FALSE(sw.best().has_value());
  sw.on_health(1, true);
  sw.on_failed(1);
  CHECK_FALSE(sw.best().has_value());
  CHECK_FALSE(sw.on_established(1));
  CHECK(sw.find("sleeve") == 1);
  CHECK_FALSE(sw.find("swift").has_value());
}

TEST_CASE("overlay: MAC table: behaves as a map with ages, whatever happens") {
  struct Model {
    PeerName peer;
    TimePoint seen;
  };
  SeededRng rng(3);
  MacTable table;
  std::map<MacAddr, Model> model;
  TimePoint now{1h};
  TimePoint swept = now;
  for (int round = 0; round < 20000; ++round) {
    now += std::chrono::milliseconds(rng.below(20000));
    const MacAddr m = mac(rng.below(60));
    const PeerName p = peer(rng.below(4));
    const auto known = model.find(m);
    const bool forced = rng.below(2) == 0;
    const auto learning = forced ? table.add_forced(now, m, p) : table.add(now, m, p);
    if (known == model.end()) {
      CHECK(learning.outcome == MacTable::Outcome::learnt);
      model[m] = {p, now};
    } else if (known->second.peer == p) {
      CHECK(learning.outcome == MacTable::Outcome::known);
      CHECK(learning.refreshed == (now - known->second.seen > 1min));
      if (learning.refreshed) known->second.seen = now;
    } else if (forced) {
      CHECK(learning.outcome == MacTable::Outcome::moved);
      CHECK(learning.previous == known->second.peer);
      known->second = {p, now};
    } else {
      CHECK(learning.outcome == MacTable::Outcome::conflict);
      CHECK(learning.previous == known->second.peer);
    }
    if (const auto due = table.next_sweep(); due && *due <= now) {
      CHECK(now - swept >= 1min);
      table.sweep(now);
      swept = now;
      std::erase_if(model, [now](const auto& e) { return now - e.second.seen > 10min; });
    }
    if (round % 1000 == 999) {
      table.remove_peer(peer(1));
      std::erase_if(model, [](const auto& e) { return e.second.peer == peer(1); });
    }
    if (round % 4000 == 3999) now += 11min;
    REQUIRE(table.entries().size() == model.size());
    const auto found = table.find(m);
    const auto expected = model.find(m);
    CHECK(found == (expected == model.end() ? std::nullopt : std::optional(expected->second.peer)));
  }
}

TEST_CASE("overlay: MAC table: other peers cannot fill what is kept for our own") {
  MacTable table;
  const TimePoint now{1h};
  for (std::uint64_t i = 0; i < MacTable::kMacsMax + 10; ++i)
    table.add_forced(now, mac(i), peer(1));
  CHECK(table.entries().size() == MacTable::kRemoteMacsMax);
  CHECK(table.add(now, mac(1U << 30), peer(2)).outcome == MacTable::Outcome::learnt);
  for (std::uint64_t i = 0; i < MacTable::kMacsMax; ++i)
    table.add(now, mac((2U << 30) + i), peer(2));
  CHECK(table.entries().size() == MacTable::kMacsMax);
}

TEST_CASE("overlay: forwarding: frames are judged by the rules all overlays share") {
  const PeerName us = peer(1), other = peer(2), third = peer(3);
  Forwarding f(us);
  f.routes().assign({{us, {}}, {other, other}, {third, other}}, {{us, {other}}, {other, {}}});
  const TimePoint now{1h};

  const auto first = f.on_captured(now, frame(mac(9), mac(1)));
  CHECK(first.flood);
  CHECK(first.source == us);
  const auto brought = f.on_received(now, {other, third, us}, frame(mac(1), mac(3)));
  CHECK(brought.inject);
  CHECK_FALSE(brought.flood);
  const auto known = f.on_captured(now, frame(mac(3), mac(1)));
  CHECK(known.relay);
  CHECK(known.destination == third);
  // Known at a third peer: injected and flooded onward all the same.
  const auto elsewhere = f.on_received(now, {other, other, us}, frame(mac(3), mac(2)));
  CHECK(elsewhere.inject);
  CHECK(elsewhere.flood);
  const auto passing = f.on_received(now, {other, other, third}, frame(mac(3), mac(77)));
  CHECK(passing.relay);
  CHECK_FALSE(f.macs().find(mac(77)).has_value());
  CHECK(f.routes().next_hop(third) == other);
  CHECK_FALSE(f.routes().next_hop(us).has_value());
  CHECK(f.routes().flood_hops(third).empty());
}

TEST_CASE("overlay: forwarding: frames that would harm are dropped, each for its reason") {
  const PeerName us = peer(1), other = peer(2);
  Forwarding f(us);
  f.routes().assign({{other, other}}, {});
  const TimePoint now{1h};
  const MacAddr everybody{0xffffffffffff};
  f.on_received(now, {other, other, us}, frame(everybody, mac(2)));

  CHECK(f.on_captured(now, frame(mac(9), mac(2))).drop == Drop::mac_conflict);
  CHECK(f.on_captured(now, frame(mac(9), mac(2))).conflicting == other);
  CHECK(f.on_captured(now, frame(MacAddr{0x0180c2000000}, mac(1))).drop == Drop::spanning_tree);
  CHECK(f.on_captured(now, frame(mac(1), mac(1))).drop == Drop::local);
  CHECK(f.on_captured(now, Bytes(13)).drop == Drop::malformed);
  CHECK(f.on_captured(now, Bytes(60)).drop == Drop::malformed);
  CHECK(f.on_captured(now, frame(mac(2), everybody)).drop == Drop::malformed);
  CHECK(f.on_received(now, {other, other, us}, frame(mac(1), everybody)).drop == Drop::malformed);
  CHECK(f.on_received(now, {other, us, us}, frame(mac(1), mac(2))).drop == Drop::looped);
  CHECK(f.on_received(now, {other, peer(9), us}, frame(mac(1), mac(2))).drop ==
        Drop::unknown_source);
}

TEST_CASE("overlay: forwarding: a verdict says when there is news of the frame's source") {
  const PeerName us = peer(1), other = peer(2), third = peer(3);
  Forwarding f(us);
  f.routes().assign({{other, other}, {third, other}}, {});
  TimePoint now{1h};
  CHECK(f.on_captured(now, frame(mac(9), mac(1))).learnt);
  CHECK_FALSE(f.on_captured(now, frame(mac(9), mac(1))).learnt);
  CHECK(f.on_received(now, {other, other, us}, frame(mac(1), mac(2))).learnt);
  CHECK_FALSE(f.on_received(now, {other, other, us}, frame(mac(1), mac(2))).learnt);
  CHECK(f.on_received(now, {other, third, us}, frame(mac(1), mac(2))).learnt);
  now += 2min;
  CHECK(f.on_captured(now, frame(mac(1), mac(1))).learnt);
  CHECK(f.on_received(now, {other, third, us}, frame(mac(1), mac(2))).learnt);
}

TEST_CASE("overlay: decision: says what frame it was and what becomes of it") {
  const PeerName us = peer(1), other = peer(2);
  Forwarding f(us);
  const TimePoint now{1h};
  const Bytes arp = frame(MacAddr{0xffffffffffff}, mac(1));
  const auto flooded = text(describe(arp, us, f.on_captured(now, arp)));
  CHECK(flooded.find(mac(1).text() + " to ff:ff:ff:ff:ff:ff, ") == 0);
  CHECK(flooded.find("from " + us.text() + ": flood, learnt its source") != std::string::npos);
  const Bytes reply = frame(mac(1), mac(2));
  CHECK(text(describe(reply, other, f.on_received(now, {other, other, us}, reply)))
            .ends_with(": inject, learnt its source"));
  CHECK(text(describe(arp, us, f.on_captured(now, frame(mac(2), mac(1)))))
            .ends_with(": relay to " + other.text()));
  CHECK(text(describe(reply, us, f.on_captured(now, reply))).ends_with(other.text()));
  CHECK(text(describe(Bytes(3), us, f.on_captured(now, Bytes(3)))).find("3 bytes") !=
        std::string::npos);
}

TEST_CASE("overlay: log limiter: one line a minute that says how often") {
  LogLimiter limiter;
  TimePoint now{1h};
  CHECK(limiter.admit(now) == 1);
  for (int i = 0; i < 99; ++i)
    CHECK_FALSE(limiter.admit(now + 59s).has_value());
  CHECK(limiter.admit(now + 60s) == 100);
}
