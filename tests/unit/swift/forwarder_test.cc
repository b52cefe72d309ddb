// SPDX-License-Identifier: Apache-2.0
// The whole way of frames through two and three forwarders, without a socket.
#include <algorithm>

#include <doctest/doctest.h>

#include "tests/unit/swift/hosts.h"

namespace weft::test {
namespace {

using swift::VnetHeader;

// The MACs of partial_frame(): its source lives on one host, its destination on the other.
constexpr MacAddr kSourceMac{0x020000000001};
constexpr MacAddr kDestinationMac{0x020000000002};

Bytes plain_frame(MacAddr destination, MacAddr source, std::size_t size = 60) {
  Bytes frame;
  Writer(frame).u48(destination.value).u48(source.value).u16(0x9999).zeros(size - 14);
  return frame;
}

// Both know where the MACs of partial_frame() live.
void teach(Host& a, Host& b) {
  for (Host* host : {&a, &b}) {
    host->forwarder.learn(kStart, kSourceMac, a.name);
    host->forwarder.learn(kStart, kDestinationMac, b.name);
  }
}

TEST_CASE("swift: forwarder: a super-frame arrives as it left, header included") {
  for (const bool encrypted : {true, false}) {
    for (const Shape& shape :
         {Shape{.payload = 60000}, Shape{.v6 = true, .payload = 60000},
          Shape{.tcp = false, .payload = 60000}, Shape{.v6 = true, .tcp = false, .payload = 40000},
          Shape{.payload = 60000, .vlan_tags = 1, .tcp_options = 12}}) {
      SeededRng rng(1);
      Host a(1), b(2);
      join(a, b, rng, {.encrypted = encrypted});
      teach(a, b);
      const Bytes frame = partial_frame(shape);
      const VnetHeader header = gso_header(shape, frame, 1300);
      a.capture(frame, header);
      const std::size_t count = carry(a, b);
      CHECK(count == (shape.payload + 1299) / 1300);
      CHECK(a.trains <= 2);
      b.flush();
      REQUIRE(b.injected.size() == 1);
      CHECK(b.injected[0].frame == frame);
      CHECK(b.injected[0].header == header);
      CHECK(b.forwarder.counters().injected_segments == count);
    }
  }
}

TEST_CASE("swift: forwarder: small frames of several reads share a train, in order") {
  SeededRng rng(2);
  Host a(1), b(2);
  join(a, b, rng);
  teach(a, b);
  std::vector<Bytes> frames;
  for (std::uint16_t i = 0; i < 100; ++i) {
    frames.push_back(partial_frame({.tcp = false, .payload = 64, .id = i}));
    frames.back()[frames.back().size() - 1] = static_cast<Byte>(i);
    a.capture(frames.back(), gso_header({.tcp = false, .payload = 64}, frames.back(), 64));
  }
  carry(a, b);
  CHECK(a.trains == 2);
  b.flush();
  REQUIRE(b.injected.size() == 2);
  CHECK(b.injected[0].header.gso == swift::Gso::udp);
  CHECK(b.injected[0].frame.size() == 42 + 64 * 64);
  CHECK(b.injected[1].frame.size() == 42 + 36 * 64);
  CHECK(b.injected[0].frame.back() == Byte{63});
  CHECK(b.injected[1].frame.back() == Byte{99});
}

TEST_CASE("swift: forwarder: any other EtherType travels whole, with nothing added") {
  SeededRng rng(3);
  Host a(1), b(2);
  join(a, b, rng);
  const Bytes frame = plain_frame({0xffffffffffff}, kSourceMac, 1400);
  a.capture(frame);
  CHECK(carry(a, b) == 1);
  b.flush();
  REQUIRE(b.injected.size() == 1);
  CHECK(b.injected[0].frame == frame);
  CHECK(b.injected[0].header == VnetHeader{});
}

TEST_CASE("swift: forwarder: what was learnt is told, once a minute at most") {
  SeededRng rng(4);
  Host a(1), b(2);
  join(a, b, rng);
  const auto learnt_by = [](const Host& host) {
    return host.events_of<swift::Learnt>();
  };
  a.capture(plain_frame(kDestinationMac, kSourceMac));
  a.capture(plain_frame(kDestinationMac, kSourceMac));
  carry(a, b);
  b.flush();
  REQUIRE(learnt_by(a).size() == 1);
  CHECK(learnt_by(a)[0].mac == kSourceMac);
  CHECK(learnt_by(a)[0].peer == a.name);
  REQUIRE(learnt_by(b).size() == 1);
  CHECK(learnt_by(b)[0].mac == kSourceMac);
  CHECK(learnt_by(b)[0].peer == a.name);
  // Both ends on one bridge: no frame, but news.
  a.forwarder.learn(kStart, kDestinationMac, a.name);
  const TimePoint later = kStart + std::chrono::minutes(2);
  a.capture(plain_frame(kDestinationMac, kSourceMac), {}, later);
  CHECK(a.flush(later).empty());
  REQUIRE(learnt_by(a).size() == 1);
  CHECK(learnt_by(a)[0].peer == a.name);
}

TEST_CASE("swift: forwarder: a MAC of another peer is a conflict, and its frame goes nowhere") {
  SeededRng rng(5);
  Host a(1), b(2);
  join(a, b, rng);
  a.forwarder.learn(kStart, kSourceMac, b.name);
  a.capture(plain_frame(kDestinationMac, kSourceMac));
  CHECK(a.flush().empty());
  REQUIRE(a.events_of<swift::MacConflict>().size() == 1);
  CHECK(a.events_of<swift::MacConflict>()[0].peer == b.name);
  CHECK(a.forwarder.counters().dropped_mac_conflict == 1);
  a.forwarder.forget(b.name);
  a.capture(plain_frame(kDestinationMac, kSourceMac));
  CHECK(a.flush().size() == 1);
}

TEST_CASE("swift: forwarder: a relay passes frames on with both names, sealed anew") {
  SeededRng rng(6);
  Host a(1), b(2), c(3);
  join(a, b, rng);
  join(b, c, rng);
  a.spec.unicast[c.name] = b.name;
  a.apply();
  c.spec.unicast[a.name] = b.name;
  c.apply();
  b.spec.broadcast_hops[a.name] = {c.name};
  b.apply();
  const Shape shape{.payload = 30000};
  const Bytes frame = partial_frame(shape);
  a.forwarder.learn(kStart, kDestinationMac, c.name);
  a.capture(frame, gso_header(shape, frame, 1300));
  const std::size_t count = carry(a, b);
  CHECK(carry(b, c) == count);
  CHECK(b.injected.empty());
  CHECK(b.forwarder.counters().relayed_frames == count);
  c.flush();
  // c learns it as the source's, and would have flooded it on: the MAC is not known to be its own.
  REQUIRE(c.injected.size() >= 1);
  REQUIRE(c.events_of<swift::Learnt>().size() == 1);
  CHECK(c.events_of<swift::Learnt>()[0].peer == a.name);

  // A flood goes down the tree of its origin, named as the origin's.
  const Bytes flooded = plain_frame({0xffffffffffff}, kSourceMac);
  a.capture(flooded);
  carry(a, b);
  carry(b, c);
  c.flush();
  REQUIRE(b.injected.size() == 1);
  CHECK(b.injected[0].frame == flooded);
  REQUIRE(c.injected.size() == 1);
  CHECK(c.injected[0].frame == flooded);
  CHECK(c.events_of<swift::Learnt>().empty());
}

TEST_CASE("swift: forwarder: a flood is sealed per hop, and handed up once for the other hops") {
  SeededRng rng(7);
  Host a(1), b(2), c(3);
  join(a, b, rng);
  join(a, c, rng);
  a.spec.broadcast_hops[a.name] = {b.name, peer_name(8), c.name, peer_name(9)};
  a.apply();
  const Shape shape{.tcp = false, .payload = 5000};
  const Bytes frame = partial_frame(shape);
  a.capture(frame, gso_header(shape, frame, 1000));
  const auto sent = a.flush();
  CHECK(sent.size() == 10);
  CHECK(a.trains == 2);
  REQUIRE(a.for_control.size() == 5);
  for (const auto& up : a.for_control) {
    CHECK(up.said.flood);
    CHECK(up.said.source == a.name);
    CHECK(up.hops == std::vector{peer_name(8), peer_name(9)});
    CHECK(up.bytes.size() == 42 + 1000);
    CHECK(transport_checksum_ok(up.bytes));
    CHECK(ipv4_checksum_ok(up.bytes));
  }
  for (Host* host : {&b, &c}) {
    for (const auto& [to, datagram] : sent) {
      if (to == host->address) host->receive(datagram);
    }
    host->flush();
    REQUIRE(host->injected.size() == 1);
    CHECK(host->injected[0].frame == frame);
  }
}

TEST_CASE("swift: forwarder: frames towards a peer that swift does not carry go up whole") {
  SeededRng rng(8);
  Host a(1), b(2);
  join(a, b, rng, {.carries_frames = false});
  teach(a, b);
  const Shape shape{.v6 = true, .payload = 4000};
  const Bytes frame = partial_frame(shape);
  a.capture(frame, gso_header(shape, frame, 1300));
  CHECK(a.flush().empty());
  REQUIRE(a.for_control.size() == 4);
  for (const auto& up : a.for_control) {
    CHECK_FALSE(up.said.flood);
    CHECK(up.said.destination == b.name);
    CHECK(up.hops == std::vector{b.name});
    CHECK(transport_checksum_ok(up.bytes));
  }
  CHECK(a.forwarder.counters().to_control_frames == 4);
  a.spec.unicast.clear();
  a.apply();
  a.capture(frame, gso_header(shape, frame, 1300));
  CHECK(a.flush().empty());
  CHECK(a.for_control.empty());
  CHECK(a.forwarder.counters().dropped_no_route == 1);
}

TEST_CASE("swift: forwarder: a frame does not go back to where it came from") {
  SeededRng rng(9);
  Host a(1), b(2);
  join(a, b, rng);
  // Routes differ: b believes that a leads to c, as a believes of b.
  const PeerName c = peer_name(3);
  a.spec.unicast[c] = b.name;
  a.apply();
  b.spec.unicast[c] = a.name;
  b.spec.broadcast_hops[a.name] = {a.name};
  b.apply();
  a.forwarder.learn(kStart, kDestinationMac, c);
  a.capture(plain_frame(kDestinationMac, kSourceMac));
  carry(a, b);
  CHECK(b.flush().empty());
  CHECK(b.forwarder.counters().dropped_looped == 1);
  a.capture(plain_frame({0xffffffffffff}, kSourceMac));
  carry(a, b);
  CHECK(b.flush().empty());
  CHECK(b.injected.size() == 1);
  CHECK(b.forwarder.counters().dropped_looped == 2);
}

TEST_CASE("swift: forwarder: a frame handed down by the control thread leaves by swift") {
  SeededRng rng(10);
  Host a(1), b(2);
  join(a, b, rng);
  const Bytes frame = plain_frame(kDestinationMac, kSourceMac);
  b.spec.unicast[peer_name(7)] = a.name;
  b.apply();
  a.forwarder.on_transmit(kStart, {b.name, peer_name(7), b.name}, frame, a.out);
  carry(a, b);
  b.flush();
  REQUIRE(b.injected.size() == 1);
  CHECK(b.injected[0].frame == frame);
  CHECK(b.events_of<swift::Learnt>()[0].peer == peer_name(7));
  a.forwarder.on_transmit(kStart, {peer_name(7), a.name, b.name}, frame, a.out);
  a.forwarder.on_transmit(kStart, {b.name, a.name, b.name}, ByteView(frame).first(13), a.out);
  CHECK(a.flush().empty());
  CHECK(a.forwarder.counters().dropped_no_route == 1);
  CHECK(a.forwarder.counters().dropped_bad_frame == 1);
}

}  // namespace

TEST_CASE("swift: tracing: every decision of a worker is an event, and none otherwise") {
  for (const bool traces : {false, true}) {
    Host host(1, {.traces = traces});
    host.apply();
    for (int i = 0; i < 3; ++i)
      host.capture(Bytes(60, Byte{2}));
    host.forwarder.flush(kStart, host.out);
    const auto decisions = std::ranges::count_if(host.out.events, [](const swift::Event& event) {
      return std::holds_alternative<overlay::Decision>(event);
    });
    CHECK(decisions == (traces ? 3 : 0));
  }
}

}  // namespace weft::test
