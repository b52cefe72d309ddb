// SPDX-License-Identifier: Apache-2.0
// What becomes of frames between two data planes: aggregation, sizes, conflicts, and that a link
// with a key never says a word in the clear.
#include "tests/unit/dataplane/pair.h"

using namespace weft;
using namespace weft::test;

namespace {

// The payload of an IPv4 packet that came in pieces, in order.
Bytes join_pieces(const std::vector<Bytes>& pieces, std::size_t mtu) {
  Bytes joined;
  for (const Bytes& piece : pieces) {
    const auto layers = packet::parse_layers(piece);
    REQUIRE(layers.has_value());
    CHECK(piece.size() <= mtu + 14);
    CHECK(layers->fragment_offset == joined.size());
    append(joined, ByteView(piece).subspan(34, layers->end - 34));
  }
  return joined;
}

}  // namespace

TEST_CASE("dataplane: aggregation: frames of a batch share datagrams, in order, within the MTU") {
  for (bool encrypted : {false, true}) {
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt);
    pair.settle();
    pair.greet();
    std::vector<Bytes> batch;
    for (std::size_t i = 0; i < 300; ++i) {
      batch.push_back(sized_ipv4_frame(mac(2), mac(1), 60 + i % 7, {.df = i % 3 != 0}));
      store_u16(ByteSpan(batch.back()).subspan(40), static_cast<std::uint16_t>(i));
    }
    pair.world.datagrams_largest = 0;
    const auto before = pair.world.plane(0).counters().sent_datagrams;
    pair.world.capture(0, batch);
    const auto sent = pair.world.plane(0).counters().sent_datagrams - before;
    CHECK(sent >= 300 / 20);
    CHECK(sent <= 300 / 15);
    CHECK(pair.world.datagrams_largest <= 1472);
    pair.world.run_for(10ms);
    // Frames with and without DF travel apart; each kind keeps its order.
    std::vector<Bytes> expected_df, got_df;
    for (const Bytes& f : batch) {
      if ((f[20] & Byte{0x40}) != Byte{0}) expected_df.push_back(f);
    }
    for (const Bytes& f : pair.world.host(1).injected) {
      if ((f[20] & Byte{0x40}) != Byte{0}) got_df.push_back(f);
    }
    CHECK(got_df == expected_df);
    CHECK(pair.world.host(1).injected.size() == batch.size());
  }
}

TEST_CASE("dataplane: aggregation: no datagram holds more than 100 frames") {
  Pair pair(std::nullopt);
  pair.world.faults.path_mtu = 9000;
  pair.settle();
  pair.greet();
  pair.world.record = true;
  pair.world.capture(0, std::vector<Bytes>(250, opaque_frame(mac(2), mac(1), "x")));
  REQUIRE(pair.world.recorded.size() == 3);
  CHECK(pair.world.recorded[0].size() == 6 + 100 * (14 + 15));
  CHECK(pair.world.recorded[2].size() == 6 + 50 * (14 + 15));
}

TEST_CASE("dataplane: sizes: every size up to the path's crosses whole") {
  for (bool encrypted : {false, true}) {
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt);
    pair.settle();
    pair.greet();
    const std::size_t largest = (encrypted ? 1414 : 1438) + 14;
    for (bool df : {true, false}) {
      for (std::size_t size = 34; size <= largest; size += size < largest - 40 ? 37 : 1) {
        const Bytes frame = sized_ipv4_frame(mac(2), mac(1), size, {.df = df});
        pair.world.capture(0, frame);
        pair.world.run_for(5ms);
        REQUIRE(pair.world.host(1).injected == std::vector<Bytes>{frame});
        pair.world.host(1).injected.clear();
      }
    }
  }
}

TEST_CASE("dataplane: sizes: too big without DF goes in outer fragments if they get through") {
  Pair pair("secret");
  pair.settle();
  pair.greet();
  const Bytes frame = sized_ipv4_frame(mac(2), mac(1), 5000, {.df = false});
  pair.world.capture(0, frame);
  pair.world.run_for(5ms);
  CHECK(pair.world.host(1).injected == std::vector<Bytes>{frame});
}

TEST_CASE("dataplane: sizes: too big without DF is fragmented inside where outer fragments die") {
  Pair pair("secret");
  pair.world.faults.drop_fragments = true;
  pair.settle();
  pair.greet();
  const Bytes frame = sized_ipv4_frame(mac(2), mac(1), 5000, {.df = false});
  pair.world.capture(0, frame);
  pair.world.run_for(5ms);
  const auto& pieces = pair.world.host(1).injected;
  REQUIRE(pieces.size() == 4);
  CHECK(join_pieces(pieces, 1414) == to_bytes(ByteView(frame).subspan(34)));
}

TEST_CASE("dataplane: sizes: what the bridge would not take is cut before it") {
  for (bool encrypted : {false, true}) {
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt, 1, 1300);
    pair.settle();
    pair.greet();
    const Bytes takes = sized_ipv4_frame(mac(2), mac(1), 1300 + 14);
    const Bytes small = sized_ipv4_frame(mac(2), mac(1), 1300 + 15, {.df = false});
    const Bytes large = sized_ipv4_frame(mac(2), mac(1), 60000, {.df = false});
    for (const Bytes& frame : {takes, small, large}) {
      pair.world.capture(0, frame);
      pair.world.run_for(5ms);
      auto& pieces = pair.world.host(1).injected;
      CHECK(pieces.size() == (frame == takes ? 1 : frame == small ? 2 : 47));
      CHECK(join_pieces(pieces, 1300) == to_bytes(ByteView(frame).subspan(34)));
      pieces.clear();
    }
    CHECK(pair.world.plane(1).counters().dropped_too_big == 0);
  }
}

TEST_CASE("dataplane: sizes: what the bridge would not take and nobody may cut is answered") {
  Pair pair("secret", 1, 1300);
  pair.settle();
  pair.greet();
  pair.world.capture(0, sized_ipv4_frame(mac(2), mac(1), 1400));
  pair.world.capture(0, ipv6_frame(mac(2), mac(1), 1400));
  pair.world.run_for(5ms);
  CHECK(pair.world.host(1).injected.empty());
  CHECK(pair.world.plane(1).counters().dropped_too_big == 2);
  REQUIRE(pair.world.host(0).injected.size() == 2);
  const Bytes& needed = pair.world.host(0).injected[0];
  CHECK(packet::destination_mac(needed) == mac(1));
  CHECK(packet::source_mac(needed) == mac(2));
  CHECK(to_hex(ByteView(needed).subspan(34, 2)) == "0304");
  CHECK(load_u16(ByteView(needed).subspan(40)) == 1300);
  const Bytes& too_big = pair.world.host(0).injected[1];
  CHECK(to_hex(ByteView(too_big).subspan(54, 2)) == "0200");
  CHECK(load_u32(ByteView(too_big).subspan(58)) == 1300);
  // To everybody there is no answer, and what is not IP is dropped.
  pair.world.capture(0, sized_ipv4_frame(kBroadcast, mac(1), 1400));
  pair.world.capture(0, opaque_frame(mac(2), mac(1), std::string(1400, 'x')));
  pair.world.run_for(5ms);
  CHECK(pair.world.host(1).injected.empty());
  CHECK(pair.world.host(0).injected.size() == 2);
  CHECK(pair.world.plane(1).counters().dropped_too_big == 4);
}

TEST_CASE("dataplane: sizes: too big with DF brings ICMP fragmentation needed to the sender") {
  for (bool encrypted : {false, true}) {
    Pair pair(encrypted ? std::optional<std::string>("secret") : std::nullopt);
    pair.settle();
    pair.greet();
    pair.world.capture(0, sized_ipv4_frame(mac(2), mac(1), 1500));
    pair.world.run_for(5ms);
    CHECK(pair.world.host(1).injected.empty());
    REQUIRE(pair.world.host(0).injected.size() == 1);
    const Bytes& icmp = pair.world.host(0).injected[0];
    CHECK(packet::destination_mac(icmp) == mac(1));
    CHECK(packet::source_mac(icmp) == mac(2));
    CHECK(to_hex(ByteView(icmp).subspan(34, 2)) == "0304");
    CHECK(load_u16(ByteView(icmp).subspan(40)) == (encrypted ? 1414 : 1438));
    CHECK(pair.world.plane(0).counters().dropped_too_big == 1);
  }
}

TEST_CASE("dataplane: sizes: an IPv6 packet too big is answered with packet too big") {
  Pair pair(std::nullopt);
  pair.settle();
  pair.greet();
  const Bytes fits = ipv6_frame(mac(2), mac(1), 1438 + 14);
  pair.world.capture(0, fits);
  pair.world.run_for(5ms);
  CHECK(pair.world.host(1).injected == std::vector<Bytes>{fits});
  pair.world.capture(0, ipv6_frame(mac(2), mac(1), 1500));
  pair.world.run_for(5ms);
  CHECK(pair.world.host(1).injected.size() == 1);
  REQUIRE(pair.world.host(0).injected.size() == 1);
  const Bytes& icmp = pair.world.host(0).injected[0];
  CHECK(icmp.size() == 14 + 1280);
  CHECK(to_hex(ByteView(icmp).subspan(54, 2)) == "0200");
  CHECK(load_u32(ByteView(icmp).subspan(58)) == 1438);
}

TEST_CASE("dataplane: sizes: a flooded frame too big for a path is dropped with one log line") {
  Pair pair("secret");
  pair.settle();
  for (int i = 0; i < 50; ++i)
    pair.world.capture(0, sized_ipv4_frame(kBroadcast, mac(1), 1500));
  pair.world.run_for(5ms);
  CHECK(pair.world.host(0).injected.empty());
  CHECK(pair.world.host(1).injected.empty());
  CHECK(pair.world.plane(0).counters().dropped_too_big == 50);
  CHECK(std::ranges::count_if(pair.world.host(0).log, [](const LogLine& line) {
          return line.text.starts_with("dropped a flooded frame");
        }) == 1);
}

TEST_CASE("dataplane: learning: frames within one bridge and to bridges stay where they are") {
  Pair pair(std::nullopt);
  pair.settle();
  pair.greet();
  pair.world.capture(0, opaque_frame(kBroadcast, mac(11), "a second pod"));
  pair.world.run_for(5ms);
  pair.world.host(1).injected.clear();
  pair.world.capture(0, opaque_frame(mac(1), mac(11), "local"));
  pair.world.capture(0, opaque_frame(MacAddr{0x0180c2000000}, mac(11), "spanning tree"));
  pair.world.run_for(5ms);
  CHECK(pair.world.host(1).injected.empty());
}

TEST_CASE("dataplane: learning: a captured MAC of another peer is dropped, with one log line") {
  Pair pair(std::nullopt);
  pair.settle();
  pair.greet();
  for (int i = 0; i < 30; ++i)
    pair.world.capture(0, opaque_frame(kBroadcast, mac(2), "impostor"));
  pair.world.run_for(5ms);
  CHECK(pair.world.host(1).injected.empty());
  CHECK(pair.world.plane(0).counters().dropped_mac_conflict == 30);
  CHECK(std::ranges::count_if(pair.world.host(0).log, [](const LogLine& line) {
          return line.text.starts_with("captured a frame from 02:00:00:00:00:02");
        }) == 1);
}

TEST_CASE("dataplane: learning: a MAC that is silent for ten minutes is forgotten") {
  Pair pair(std::nullopt);
  pair.settle();
  pair.greet();
  REQUIRE(pair.world.plane(0).macs().size() == 2);
  pair.world.run_for(9min);
  CHECK(pair.world.plane(0).macs().size() == 2);
  pair.world.capture(0, opaque_frame(mac(2), mac(1), "still here"));
  pair.world.run_for(3min);
  REQUIRE(pair.world.plane(0).macs().size() == 1);
  CHECK(pair.world.plane(0).macs()[0].mac == mac(1));
  pair.world.plane(0).on_peer_gone(peer_name(1));
  CHECK(pair.world.plane(0).macs().empty());
}

TEST_CASE("dataplane: secrecy: nothing that a link with a key emits can be read") {
  Pair pair("secret");
  pair.world.record = true;
  pair.world.faults.jitter = 5ms;
  pair.settle();
  pair.greet();
  for (const std::size_t size : {60U, 900U, 1400U, 1500U, 4000U}) {
    for (bool df : {false, true}) {
      pair.world.capture(0, sized_ipv4_frame(mac(2), mac(1), size, {.df = df}));
      pair.world.capture(0, sized_ipv4_frame(kBroadcast, mac(1), size, {.df = df}));
    }
    pair.world.capture(1, ipv6_frame(mac(1), mac(2), std::max<std::size_t>(size, 60)));
  }
  pair.world.run_for(6min);
  pair.world.blocked = {{0, 1}, {1, 0}};
  pair.world.run_for(70s);
  CHECK(pair.world.recorded.size() > 40);
  const Bytes zeros(14);
  for (const Bytes& datagram : pair.world.recorded) {
    const auto text = as_text(datagram).substr(14);
    CHECK(text.find(kCanary.substr(0, 8)) == std::string_view::npos);
    CHECK(text.find(as_text(zeros)) == std::string_view::npos);
    CHECK(text.find(as_text(ByteView(datagram).first(6))) == std::string_view::npos);
  }
}

TEST_CASE("dataplane: hostile input: what is not from a neighbour in good form is counted") {
  Pair pair("secret");
  pair.settle();
  pair.greet();
  const Endpoint from = pair.world.host(0).address;
  const auto deliver = [&](const char* hexed) {
    pair.world.deliver(1, from, *from_hex(hexed));
  };
  auto& counters = pair.world.plane(1).counters();
  deliver("7a0000");
  CHECK(counters.dropped_malformed == 1);
  deliver("7a0000000001800000000000");
  CHECK(counters.dropped_malformed == 2);
  deliver("7a00000000090000000000000000000000000000000000000000000000000000000000000000");
  CHECK(counters.dropped_unknown_sender == 1);
  // A plain datagram to a sealed link.
  deliver(
      "7a0000000001"
      "7a00000000017a0000000002000f0200000000020200000000010806aa");
  CHECK(counters.dropped_forged + counters.dropped_malformed == 3);
  CHECK(pair.world.host(1).injected.empty());
}

TEST_CASE("dataplane: hostile input: control messages of any bytes harm nobody") {
  Pair pair("secret");
  pair.settle();
  SeededRng rng(7);
  const auto before = pair.world.host(0).log.size();
  for (int i = 0; i < 5000; ++i) {
    Bytes payload(rng.below(6));
    rng.fill(payload);
    pair.world.plane(0).on_control(pair.world.now(), pair.link, payload, pair.world.host(0).out);
    pair.world.plane(0).flush(pair.world.now(), pair.world.host(0).out);
    for (const auto& c : pair.world.host(0).out.control) {
      REQUIRE(c.payload.size() >= 2);
      REQUIRE(c.payload[0] == Byte{0});
    }
    for (auto& line : pair.world.host(0).out.log)
      pair.world.host(0).log.push_back(line);
    pair.world.host(0).out.clear();
  }
  CHECK(pair.world.host(0).log.size() - before <= 2);
  CHECK(pair.world.plane(0).link_status(pair.link).established);
}

TEST_CASE("dataplane: tracing: every decision about a frame is a log line, and none otherwise") {
  for (const bool traces : {false, true}) {
    Pair pair(std::nullopt);
    pair.world.traces = traces;
    const auto traced = pair.world.add_host();
    pair.world.plane(traced).on_routes({});
    pair.world.capture(traced, opaque_frame(kBroadcast, mac(7), "x"));
    std::size_t lines = 0;
    for (const LogLine& line : pair.world.host(traced).log)
      lines += line.component == "packet" && line.text.find(": flood") != std::string::npos;
    CHECK(lines == (traces ? 1 : 0));
  }
}
