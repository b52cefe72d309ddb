// SPDX-License-Identifier: Apache-2.0
// Datagrams that are not what they should be: each is dropped for its own reason, and none changes
// what happens next.
#include <doctest/doctest.h>

#include "router/swift/core/replay_window.h"
#include "tests/unit/swift/hosts.h"

namespace weft::test {
namespace {

using swift::Counters;
using Reason = std::uint64_t Counters::*;

constexpr std::array<Reason, 8> kReasons{
    &Counters::dropped_truncated,     &Counters::dropped_malformed,
    &Counters::dropped_foreign_index, &Counters::dropped_foreign_stream,
    &Counters::dropped_wrong_kind,    &Counters::dropped_stale_epoch,
    &Counters::dropped_tampered,      &Counters::dropped_replayed};

// Two hosts, and a datagram of a's that b has not seen.
struct Scene {
  explicit Scene(bool encrypted = true, swift::Forwarder::Config config = {})
      : b(2, config), rng(1) {
    join(a, b, rng, {.encrypted = encrypted});
    const Shape shape{.payload = 100};
    frame = partial_frame(shape);
    for (Host* host : {&a, &b}) {
      host->forwarder.learn(kStart, MacAddr{0x020000000001}, a.name);
      host->forwarder.learn(kStart, MacAddr{0x020000000002}, b.name);
    }
    good = next();
  }
  Datagram next() {
    a.capture(frame, gso_header({.payload = 100}, frame, 1000));
    return a.flush().at(0).second;
  }
  // True if b took it: exactly one frame came out.
  bool taken(const Datagram& datagram) {
    b.receive(datagram);
    b.flush();
    return b.injected.size() == 1;
  }
  // b drops it for that reason alone, says nothing, and still takes the good one.
  void expect_dropped(const Datagram& bad, Reason reason) {
    const Counters before = b.forwarder.counters();
    CHECK_FALSE(taken(bad));
    CHECK(b.events.empty());
    const Counters& after = b.forwarder.counters();
    for (const Reason other : kReasons)
      CHECK(after.*other - before.*other == (other == reason ? 1 : 0));
    CHECK(after.received_datagrams == before.received_datagrams);
  }

  Host a{1};
  Host b;
  SeededRng rng;
  Bytes frame;
  Datagram good;
};

TEST_CASE("swift: hostile: a change of any byte is noticed, whatever part it hits") {
  Scene scene;
  for (std::size_t i = 0; i < scene.good.bytes.size(); ++i) {
    Datagram bad = scene.good;
    bad.bytes[i] ^= Byte{0x01};
    CAPTURE(i);
    CHECK_FALSE(scene.taken(bad));
    CHECK(scene.b.events.empty());
  }
  const Counters& c = scene.b.forwarder.counters();
  CHECK(c.dropped_malformed == 1);  // the first byte
  CHECK(c.dropped_tampered ==
        scene.good.bytes.size() - 7);  // stream (one worker takes all), counter, text, tag
  CHECK(c.dropped_stale_epoch == 2);
  CHECK(c.dropped_foreign_index == 4);
  CHECK(scene.taken(scene.good));
}

TEST_CASE("swift: hostile: each kind of bad datagram is counted by its reason and moves nothing") {
  Scene scene;
  Datagram bad = scene.good;
  bad.bytes.back() ^= Byte{1};
  scene.expect_dropped(bad, &Counters::dropped_tampered);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{35}}) {
    bad.bytes = to_bytes(ByteView(scene.good.bytes).first(size));
    scene.expect_dropped(bad, &Counters::dropped_truncated);
  }
  bad.bytes = to_bytes(ByteView(scene.good.bytes).first(scene.good.bytes.size() - 1));
  scene.expect_dropped(bad, &Counters::dropped_tampered);
  bad.bytes = scene.good.bytes;
  bad.bytes[0] = Byte{0x03};
  scene.expect_dropped(bad, &Counters::dropped_wrong_kind);
  bad.bytes[0] = Byte{0x05};
  scene.expect_dropped(bad, &Counters::dropped_malformed);
  bad = scene.good;
  store_u32(ByteSpan(bad.bytes).subspan(4), 12345);
  scene.expect_dropped(bad, &Counters::dropped_foreign_index);
  bad = scene.good;
  store_u16(ByteSpan(bad.bytes).subspan(2), 9);
  scene.expect_dropped(bad, &Counters::dropped_stale_epoch);
  // From anywhere: no state moves, so nobody is followed.
  bad = scene.good;
  bad.bytes[30] ^= Byte{1};
  bad.from = {.ip = {0x01020304}, .port = 99};
  scene.expect_dropped(bad, &Counters::dropped_tampered);
  CHECK(scene.taken(scene.good));
}

TEST_CASE("swift: hostile: a replay is dropped from whatever address and port it comes") {
  Scene scene;
  CHECK(scene.taken(scene.good));
  for (std::uint16_t port = 1; port < 2000; ++port) {
    Datagram replay = scene.good;
    replay.from.port = port;
    scene.expect_dropped(replay, &Counters::dropped_replayed);
  }
  // In another stream, it does not open.
  Datagram other = scene.good;
  other.bytes[1] = Byte{1};
  scene.expect_dropped(other, &Counters::dropped_tampered);
}

TEST_CASE("swift: hostile: a worker takes the streams that are steered to it, and no others") {
  Scene scene(true, {.stream = 1, .workers = 2});
  scene.expect_dropped(scene.good, &Counters::dropped_foreign_stream);
  Scene own(true, {.stream = 0, .workers = 2});
  CHECK(own.taken(own.good));
}

TEST_CASE("swift: hostile: reordered datagrams are taken once each, old ones not at all") {
  Scene scene;
  std::vector<Datagram> sent;
  for (std::uint64_t i = 0; i < swift::ReplayWindow::kSize; ++i)
    sent.push_back(scene.next());
  CHECK(scene.taken(sent.back()));
  // `good` is one further back than the window reaches.
  scene.expect_dropped(scene.good, &Counters::dropped_replayed);
  for (std::size_t i = sent.size() - 1; i > 0; i -= std::min<std::size_t>(i, 97)) {
    CHECK(scene.taken(sent[i - 1]));
    scene.expect_dropped(sent[i - 1], &Counters::dropped_replayed);
  }
}

TEST_CASE("swift: hostile: a plain tunnel takes no sealed datagram and an encrypted one no plain") {
  Scene plain(false);
  Datagram bad = plain.good;
  bad.bytes[0] = Byte{0x01};
  bad.bytes.resize(bad.bytes.size() + 16);
  plain.expect_dropped(bad, &Counters::dropped_wrong_kind);
  CHECK(plain.taken(plain.good));
}

TEST_CASE("swift: hostile: a peer with the key cannot do harm by what it seals") {
  // A plain tunnel: every text reaches the parser.
  Scene scene(false);
  const auto with_text = [&](const char* hex) {
    Datagram datagram = scene.good;
    datagram.bytes.resize(16);
    append(datagram.bytes, *from_hex(hex));
    return datagram;
  };
  // Unknown type or flag; names cut off; a checksum outside the frame; a probe cut off.
  for (const char* text : {"0f000000", "80000000", "20000000aabb", "200000007a00000000017a0000",
                           "1010100002000000000202000000000199990000", "01010000aabb"}) {
    const Datagram bad = with_text(text);
    const Counters before = scene.b.forwarder.counters();
    CHECK_FALSE(scene.taken(bad));
    CHECK(scene.b.events.empty());
    CHECK(scene.b.forwarder.counters().dropped_malformed == before.dropped_malformed + 1);
  }
  // Frames that no bridge would send.
  for (const char* text :
       {"00000000", "000000000200000000020200000000", "000000000200000000020300000000019999"}) {
    const Counters before = scene.b.forwarder.counters();
    CHECK_FALSE(scene.taken(with_text(text)));
    CHECK(scene.b.forwarder.counters().dropped_bad_frame == before.dropped_bad_frame + 1);
  }
  // In our own name, and in that of a stranger.
  const Counters before = scene.b.forwarder.counters();
  const Datagram ours = with_text("200000007a00000000027a00000000020200000000020200000000019999");
  const Datagram strange =
      with_text("200000007a00000000997a00000000020200000000020200000000019999");
  CHECK_FALSE(scene.taken(ours));
  CHECK_FALSE(scene.taken(strange));
  CHECK(scene.b.forwarder.counters().dropped_looped == before.dropped_looped + 1);
  CHECK(scene.b.forwarder.counters().dropped_unknown_source == before.dropped_unknown_source + 1);
  CHECK(scene.taken(scene.good));
}

TEST_CASE("swift: hostile: an address is reported after an authenticated, newest datagram only") {
  Scene scene;
  const Endpoint elsewhere{.ip = {0x0a000063}, .port = 4444};
  const auto moves = [&](Datagram datagram, Endpoint from) {
    datagram.from = from;
    scene.b.receive(datagram);
    scene.b.flush();
    return scene.b.events_of<swift::RemoteMoved>();
  };
  const Datagram second = scene.next(), third = scene.next(), fourth = scene.next();
  // The port of a stream is its own to choose.
  CHECK(moves(scene.good, {.ip = scene.a.address.ip, .port = 5555}).empty());
  const auto moved = moves(third, elsewhere);
  REQUIRE(moved.size() == 1);
  CHECK(moved[0].from == elsewhere);
  CHECK(moved[0].stream == 0);
  // Late, so it says nothing about now.
  CHECK(moves(second, {.ip = {0x0a000064}, .port = 1}).empty());
  CHECK(moves(fourth, elsewhere).empty());
}

}  // namespace
}  // namespace weft::test
