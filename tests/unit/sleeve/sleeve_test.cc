// SPDX-License-Identifier: Apache-2.0
// The parts of a sleeve, one by one: layout, replay window, path MTU and outbox.
#include <algorithm>
#include <set>

#include <doctest/doctest.h>

#include "base/rng.h"
#include "router/sleeve/outbox.h"
#include "router/sleeve/path_mtu.h"
#include "router/sleeve/replay_window.h"
#include "router/sleeve/tunnel.h"

using namespace weft;
using namespace weft::sleeve;
using namespace std::chrono_literals;

namespace {

constexpr PeerName kUs = PeerName::from_u48(0x7a9febb60c6e);
constexpr PeerName kThem = PeerName::from_u48(2);

crypto::SessionKey counting_key() {
  std::array<Byte, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<Byte>(i);
  return crypto::SessionKey(crypto::Secret<32>(bytes));
}

struct Sink {
  Sink() { effects.arena.bind(memory, used); }
  std::string hex(std::size_t i) {
    const Datagram& d = effects.datagrams.at(i);
    return to_hex(effects.arena.at(d.offset, d.size));
  }
  Bytes memory;
  std::size_t used = 0;
  Effects effects;
};

void put(Outbox& outbox, Path path, ByteView frame, Sink& sink) {
  const auto room = outbox.add(path, {kUs, kThem}, frame.size(), sink.effects);
  REQUIRE(room.has_value());
  std::ranges::copy(frame, room->begin());
}

}  // namespace

TEST_CASE("sleeve: wire: datagrams agree with the published examples") {
  const Bytes long_frame = *from_hex("0102030405060708090a0b0c0806aa");
  const Bytes short_frame = *from_hex("0102030405060708090a0b0c0806");
  Sink sink;
  Outbox plain(kUs, std::nullopt);
  plain.set_remote({Ipv4Addr{1}, 6783}, sink.effects);
  put(plain, Path::df, long_frame, sink);
  put(plain, Path::df, short_frame, sink);
  plain.flush(sink.effects);
  CHECK(sink.hex(0) ==
        "7a9febb60c6e"
        "7a9febb60c6e000000000002000f0102030405060708090a0b0c0806aa"
        "7a9febb60c6e000000000002000e0102030405060708090a0b0c0806");

  Outbox dialler(kUs, crypto::FrameBox(counting_key(), true));
  Outbox acceptor(kUs, crypto::FrameBox(counting_key(), false));
  for (Outbox* o : {&dialler, &acceptor})
    o->set_remote({Ipv4Addr{1}, 6783}, sink.effects);
  put(dialler, Path::df, long_frame, sink);
  dialler.flush(sink.effects);
  put(dialler, Path::df, long_frame, sink);
  dialler.flush(sink.effects);
  put(acceptor, Path::non_df, long_frame, sink);
  acceptor.flush(sink.effects);
  CHECK(sink.hex(1) ==
        "7a9febb60c6e80000000000000002bc3e8fac7c64fc940375a1a6c8ed242656da34e06f45c73e11fe01e2e9170"
        "72cf550366981303bd2b95c6d2e3");
  CHECK(sink.hex(2) ==
        "7a9febb60c6e8000000000000001a0dba53e243f6a377189901cb26d22579100e500a4500c1fdcda103f2d0c28"
        "1c98ff2b14afaa33b950e370bc55");
  CHECK(sink.hex(3) ==
        "7a9febb60c6e000000000000000072b12357cc44b21c8678e5772abf0ab630911bf794c4bf335c54720d2549bf"
        "d0e73071f640ee2146600f438b96");
}

TEST_CASE("sleeve: wire: any bytes are read as frames that lie within them, then an end") {
  SeededRng rng(1);
  for (int round = 0; round < 20000; ++round) {
    Bytes plain(rng.below(120));
    rng.fill(plain);
    for (std::size_t at = 12; at + 1 < plain.size(); at += 14 + rng.below(20)) {
      store_u16(ByteSpan(plain).subspan(at), static_cast<std::uint16_t>(rng.below(24)));
    }
    FrameReader reader(plain);
    std::size_t consumed = 0;
    while (const auto frame = reader.next())
      consumed += kFrameHeaderSize + frame->bytes.size();
    REQUIRE(consumed <= plain.size());
    CHECK(reader.malformed() == (consumed != plain.size()));
    CHECK_FALSE(reader.next().has_value());
  }
}

TEST_CASE("sleeve: replay window: a number is accepted once, unless it is too old to know") {
  SeededRng rng(2);
  constexpr std::uint64_t kSpan = std::uint64_t{1} << ReplayWindow::kWindowBits;
  ReplayWindow window;
  std::set<std::uint64_t> seen;
  std::uint64_t top = 0;      // around which numbers are drawn
  std::uint64_t highest = 0;  // that arrived
  for (int round = 0; round < 200000; ++round) {
    if (round % 5000 == 4999) top += rng.below(3 * kSpan);
    const std::uint64_t back = rng.below(10) == 0 ? rng.below(3 * kSpan) : rng.below(300);
    const std::uint64_t number = top + 100 > back ? top + 100 - back : 0;
    top = std::max(top, number);
    highest = std::max(highest, number);
    const bool too_old = number / kSpan + 1 < highest / kSpan;
    const bool fresh = !seen.contains(number);
    REQUIRE(window.accept(number) == (fresh && !too_old));
    seen.insert(number);
  }
}

TEST_CASE("sleeve: replay window: the largest numbers do no harm") {
  ReplayWindow window;
  CHECK(window.accept(~kDfBit));
  CHECK_FALSE(window.accept(~kDfBit));
  CHECK(window.accept(~kDfBit - 1));
  CHECK_FALSE(window.accept(0));
}

TEST_CASE(
    "sleeve: path MTU: the search ends at the true MTU, wherever it lies and tests get lost") {
  SeededRng rng(3);
  for (int round = 0; round < 400; ++round) {
    const int overhead = round % 2 == 0 ? 62 : 86;
    const int claimed = 576 + static_cast<int>(rng.below(8500));
    const int real = std::min(claimed, 640 + static_cast<int>(rng.below(9000)));
    PathMtu path(round % 2 == 0 ? kPlainOverhead : kSealedOverhead);
    TimePoint now{1h};
    path.on_path_mtu(now, claimed);
    int sent = 0;
    while (path.searching()) {
      if (const auto test = path.take_test()) {
        ++sent;
        // Half of the tests that fit are lost as well; eight in a row hardly ever.
        const bool arrives = *test + overhead <= real && rng.below(8) != 0;
        if (arrives) path.on_verified(now, *test);
        continue;
      }
      REQUIRE(path.next_deadline().has_value());
      now = *path.next_deadline();
      path.on_deadline(now);
      REQUIRE(sent < 200);
    }
    CHECK_FALSE(path.next_deadline().has_value());
    CHECK(path.mtu() == std::max(std::min(552, claimed - overhead), real - overhead));
    CHECK(path.max_payload() == static_cast<std::size_t>(path.mtu() + overhead - 28));
  }
}

TEST_CASE("sleeve: path MTU: a larger claim during a search changes nothing, a smaller restarts") {
  PathMtu path(kSealedOverhead);
  const TimePoint now{1h};
  path.on_path_mtu(now, 1500);
  CHECK(path.take_test() == 1414);
  path.on_path_mtu(now, 1500);
  path.on_path_mtu(now, 9000);
  CHECK_FALSE(path.take_test().has_value());
  path.on_path_mtu(now, 1400);
  CHECK(path.take_test() == 1314);
  CHECK_FALSE(path.on_verified(now, 1414));
  CHECK(path.on_verified(now, 1314));
  CHECK(path.mtu() == 1314);
}

TEST_CASE("sleeve: path MTU: senseless claims leave a usable MTU") {
  for (const int claim : {-2147483647, -1, 0, 1, 100, 65535, 65536, 2147483647}) {
    PathMtu path(kSealedOverhead);
    path.on_path_mtu(TimePoint{1h}, claim);
    CHECK(path.mtu() >= PathMtu::kMin);
    CHECK(path.mtu() <= PathMtu::kUnknown);
    CHECK(path.max_payload() <= kUdpPayloadMax);
  }
}

TEST_CASE("sleeve: outbox: a frame larger than the path takes is refused, and nothing is sent") {
  Sink sink;
  Outbox outbox(kUs, std::nullopt);
  outbox.set_remote({Ipv4Addr{1}, 6783}, sink.effects);
  outbox.set_max_payload(1472, sink.effects);
  CHECK(outbox.add(Path::df, {kUs, kThem}, 1472 - 20, sink.effects).has_value());
  CHECK_FALSE(outbox.add(Path::df, {kUs, kThem}, 1473 - 20, sink.effects).has_value());
  CHECK(outbox.add(Path::non_df, {kUs, kThem}, 65507 - 20, sink.effects).has_value());
  CHECK_FALSE(outbox.add(Path::non_df, {kUs, kThem}, 65508 - 20, sink.effects).has_value());
  outbox.flush(sink.effects);
  CHECK(sink.effects.datagrams.size() == 2);
}

TEST_CASE("sleeve: outbox: every nonce is used once, over both paths and all causes of closing") {
  Sink sink;
  SeededRng rng(4);
  Outbox outbox(kUs, crypto::FrameBox(counting_key(), true));
  outbox.set_remote({Ipv4Addr{1}, 6783}, sink.effects);
  std::set<std::uint64_t> numbers;
  for (int round = 0; round < 3000; ++round) {
    const Path path = rng.below(2) == 0 ? Path::df : Path::non_df;
    const std::size_t size = rng.below(900);
    outbox.add(path, {kUs, kThem}, size, sink.effects);
    if (rng.below(40) == 0) outbox.set_max_payload(600 + rng.below(1000), sink.effects);
    if (rng.below(40) == 0) outbox.set_remote({Ipv4Addr{2}, 6783}, sink.effects);
    if (rng.below(60) == 0) outbox.discard();
    if (rng.below(20) != 0) continue;
    outbox.flush(sink.effects);
    for (const Datagram& d : sink.effects.datagrams) {
      const auto number = load_u64(sink.effects.arena.at(d.offset + kSenderSize, kSequenceSize));
      CHECK(((number & kDfBit) != 0) == d.df);
      REQUIRE(numbers.insert(number).second);
    }
    sink.effects.datagrams.clear();
    sink.used = 0;
  }
}

TEST_CASE("sleeve: tunnel: repeated acknowledgements and floods of tests are not amplified") {
  Sink sink;
  Tunnel tunnel({.us = kUs,
                 .them = kThem,
                 .conn_uid = 9,
                 .outbound = true,
                 .port = 6783,
                 .tcp_remote = {Ipv4Addr{1}, 6783}});
  const TimePoint now{1h};
  tunnel.confirm(now, sink.effects);
  for (int i = 0; i < 1000; ++i)
    tunnel.on_control(now, kControlHeartbeatSeen, {}, sink.effects);
  CHECK(sink.effects.datagrams.size() == 3);  // heartbeat, fragmentation test, probe
  const Bytes test(1000);
  for (int i = 0; i < 1000; ++i) {
    CHECK(tunnel.on_special(now, {Ipv4Addr{1}, 6783}, {kThem, kUs, test}, sink.effects));
  }
  CHECK(sink.effects.controls.size() == kTestAnswersMax);
  CHECK(sink.effects.controls[0].mtu == 1000 - 14);
}

TEST_CASE("sleeve: tunnel: special frames of others, for others and for older links are refused") {
  Sink sink;
  Tunnel tunnel(
      {.us = kUs, .them = kThem, .conn_uid = 9, .port = 6783, .tcp_remote = {Ipv4Addr{1}, 40000}});
  const TimePoint now{1h};
  const Endpoint from{Ipv4Addr{1}, 6783};
  tunnel.confirm(now, sink.effects);
  CHECK(sink.effects.datagrams.empty());
  Bytes heartbeat(kHeartbeatSize);
  store_u64(ByteSpan(heartbeat).subspan(14), 8);
  CHECK_FALSE(tunnel.on_special(now, from, {kThem, kUs, heartbeat}, sink.effects));
  store_u64(ByteSpan(heartbeat).subspan(14), 9);
  const PeerName other = PeerName::from_u48(77);
  CHECK_FALSE(tunnel.on_special(now, from, {other, kUs, heartbeat}, sink.effects));
  CHECK_FALSE(tunnel.on_special(now, from, {kThem, other, heartbeat}, sink.effects));
  Bytes test(kFragmentationTestSize);
  test.back() = Byte{1};
  CHECK_FALSE(tunnel.on_special(now, from, {kThem, kUs, test}, sink.effects));
  CHECK_FALSE(tunnel.remote().has_value());
  CHECK(sink.effects.controls.empty());
  CHECK(tunnel.on_special(now, from, {kThem, kUs, heartbeat}, sink.effects));
  CHECK(tunnel.remote() == from);
  CHECK(sink.effects.controls.size() == 1);
  CHECK(sink.effects.datagrams.size() == 1);
}
