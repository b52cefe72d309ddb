// SPDX-License-Identifier: Apache-2.0
// Joining by the rules of the kernel's GRO (net/ipv4/tcp_offload.c, udp_offload.c, af_inet.c).
#include "router/swift/core/coalesce.h"

#include <functional>
#include <map>

#include <doctest/doctest.h>

#include "tests/unit/swift/recut.h"

namespace weft::test {
namespace {

swift::Segment partial_segment(ByteSpan room, const Shape& shape) {
  const auto layers = packet::parse_layers(room.subspan(swift::kPrefixMax));
  return {.room = room,
          .partial_checksum = true,
          .checksum_start = static_cast<std::uint8_t>(layers->transport_at),
          .checksum_offset = static_cast<std::uint8_t>(shape.tcp ? 16 : 6)};
}

Held segment_of(const Shape& shape) {
  Bytes room(swift::kPrefixMax);
  append(room, partial_frame(shape));
  return Held(partial_segment(room, shape));
}

// `n`-th segment of a stream whose first is `shape`.
Shape following(Shape shape, std::size_t n) {
  shape.sequence += static_cast<std::uint32_t>(n * shape.payload);
  shape.id = static_cast<std::uint16_t>(shape.id + n);
  return shape;
}

// Sizes of the injections, in segments.
std::vector<std::size_t> joined(std::vector<Held> segments, bool joins_udp = true) {
  swift::Coalescer coalescer({.joins_udp = joins_udp});
  swift::Output out;
  std::vector<Bytes> expected;
  for (Held& held : segments) {
    expected.push_back(held.frame());
    coalescer.add(held.segment(), out);
  }
  coalescer.flush(out);
  std::vector<std::size_t> counts;
  for (const auto& injection : out.injections)
    counts.push_back(injection.count);
  CHECK(recut(out) == expected);
  return counts;
}

using Counts = std::vector<std::size_t>;

// Three segments of a stream, the second of them changed.
Counts joined_with(const Shape& shape, const std::function<void(Bytes&)>& change) {
  std::vector<Held> segments{segment_of(shape)};
  Bytes room(swift::kPrefixMax);
  append(room, partial_frame(following(shape, 1)));
  change(room);
  // A change of the IPv4 header makes a new checksum, or that would be what tells them apart.
  ByteSpan ip = ByteSpan(room).subspan(swift::kPrefixMax + 14);
  if (!shape.v6) {
    store_u16(ip.subspan(10), 0);
    store_u16(ip.subspan(10), static_cast<std::uint16_t>(~slow_sum(ip.first(20))));
  }
  segments.emplace_back(partial_segment(room, shape));
  segments.push_back(segment_of(following(shape, 2)));
  swift::Coalescer coalescer({});
  swift::Output out;
  for (Held& held : segments)
    coalescer.add(held.segment(), out);
  coalescer.flush(out);
  Counts counts;
  for (const auto& injection : out.injections)
    counts.push_back(injection.count);
  return counts;
}

constexpr std::size_t kIp = swift::kPrefixMax + 14;
constexpr std::size_t kTcp4 = kIp + 20;
constexpr std::size_t kTcp6 = kIp + 40;

std::function<void(Bytes&)> flip(std::size_t at, std::uint8_t bits) {
  return [at, bits](Bytes& room) {
    room[at] ^= Byte{bits};
  };
}

TEST_CASE("swift: coalesce: equal headers and consecutive numbers are joined") {
  for (const bool v6 : {false, true}) {
    const Shape shape{.v6 = v6, .payload = 1000, .tcp_options = 12};
    CHECK(joined({segment_of(shape), segment_of(following(shape, 1)),
                  segment_of(following(shape, 2))}) == Counts{3});
    const Shape udp{.v6 = v6, .tcp = false, .payload = 1000};
    CHECK(joined({segment_of(udp), segment_of(following(udp, 1))}) == Counts{2});
    CHECK(joined({segment_of(udp), segment_of(following(udp, 1))}, false) == Counts{1, 1});
  }
}

TEST_CASE("swift: coalesce: a header that differs where it must not is kept apart") {
  const Shape v4{.payload = 1000, .tcp_options = 12};
  const Shape v6{.v6 = true, .payload = 1000, .tcp_options = 12};
  CHECK(joined_with(v4, [](Bytes&) {}) == Counts{3});
  // TOS, DF, TTL; acknowledgement, window, options, reserved bits, ECE.
  for (const auto& [at, bits] : {std::pair{kIp + 1, 0x04},
                                 {kIp + 6, 0x40},
                                 {kIp + 8, 0x01},
                                 {kTcp4 + 11, 0x01},
                                 {kTcp4 + 15, 0x01},
                                 {kTcp4 + 20, 0x07},
                                 {kTcp4 + 12, 0x02},
                                 {kTcp4 + 13, 0x40}}) {
    const std::size_t place = at;
    CAPTURE(place);
    CHECK(joined_with(v4, flip(place, static_cast<std::uint8_t>(bits))) == Counts{1, 1, 1});
  }
  // ID that does not count on, and a header checksum that is wrong.
  CHECK(joined_with(v4, flip(kIp + 5, 0x10)) == Counts{1, 1, 1});
  // Traffic class, flow label, hop limit.
  for (const std::size_t at : {kIp + 1, kIp + 3, kIp + 7})
    CHECK(joined_with(v6, flip(at, 0x10)) == Counts{1, 1, 1});
  CHECK(joined_with(v6, flip(kTcp6 + 15, 0x01)) == Counts{1, 1, 1});
  // Another flow altogether leaves a gap in this one.
  CHECK(joined_with(v4, flip(kTcp4 + 1, 0x01)) == Counts{1, 1, 1});
}

TEST_CASE("swift: coalesce: a broken IPv4 checksum is not healed by joining") {
  const Shape shape{.payload = 1000};
  Bytes room(swift::kPrefixMax);
  append(room, partial_frame(following(shape, 1)));
  room[kIp + 10] ^= Byte{1};
  swift::Coalescer coalescer({});
  swift::Output out;
  Held first = segment_of(shape);
  Held broken(partial_segment(room, shape));
  coalescer.add(first.segment(), out);
  coalescer.add(broken.segment(), out);
  coalescer.flush(out);
  REQUIRE(out.injections.size() == 2);
  CHECK(joined_frame(out, out.injections[1]) == broken.frame());
}

TEST_CASE("swift: coalesce: SYN, RST and URG are never joined, PSH and FIN end a frame") {
  const auto with_flags = [](std::uint8_t flags) {
    return joined_with({.payload = 1000}, flip(kTcp4 + 13, flags));
  };
  CHECK(with_flags(0x02) == Counts{1, 1, 1});
  CHECK(with_flags(0x04) == Counts{1, 1, 1});
  CHECK(with_flags(0x20) == Counts{1, 1, 1});
  CHECK(with_flags(0x80) == Counts{1, 2});
  CHECK(with_flags(0x08) == Counts{2, 1});
  CHECK(with_flags(0x01) == Counts{2, 1});
  // The first of all with PSH leaves at once.
  const Shape pushed{.payload = 1000, .tcp_flags = 0x18};
  CHECK(joined({segment_of(pushed), segment_of(following(pushed, 1))}) == Counts{1, 1});
}

TEST_CASE("swift: coalesce: a shorter segment ends a frame, a longer one starts another") {
  for (const bool tcp : {true, false}) {
    const Shape shape{.tcp = tcp, .payload = 1000};
    Shape shorter = following(shape, 2);
    shorter.payload = 500;
    Shape after = following(shape, 3);
    after.sequence -= 500;
    CHECK(joined({segment_of(shape), segment_of(following(shape, 1)), segment_of(shorter),
                  segment_of(after)}) == Counts{3, 1});
    Shape longer = following(shape, 1);
    longer.payload = 1001;
    CHECK(joined({segment_of(shape), segment_of(longer)}) == Counts{1, 1});
    Shape empty = following(shape, 1);
    empty.payload = 0;
    CHECK(joined({segment_of(shape), segment_of(empty)}) == Counts{1, 1});
  }
}

TEST_CASE("swift: coalesce: a gap, a repetition or a step back is kept apart") {
  const Shape shape{.payload = 1000};
  for (const std::size_t n : {0U, 2U, 3U}) {
    CHECK(joined({segment_of(following(shape, 1)), segment_of(following(shape, n == 2 ? 3 : n))})
              .size() == 2);
  }
  // Sequence numbers wrap.
  const Shape end{.payload = 1000, .id = 0xffff, .sequence = 0xfffffe00};
  CHECK(joined({segment_of(end), segment_of(following(end, 1))}) == Counts{2});
}

TEST_CASE("swift: coalesce: with DF all IDs may be the same, without they must count on") {
  const auto with_id = [](Shape shape, std::size_t n, std::uint16_t id, bool df) {
    shape = following(shape, n);
    shape.id = id;
    Bytes room(swift::kPrefixMax);
    append(room, partial_frame(shape));
    ByteSpan ip = ByteSpan(room).subspan(kIp);
    if (!df) ip[6] = Byte{0};
    store_u16(ip.subspan(10), 0);
    store_u16(ip.subspan(10), static_cast<std::uint16_t>(~slow_sum(ip.first(20))));
    return Held(partial_segment(room, shape));
  };
  const auto counts = [&](std::vector<std::uint16_t> ids, bool df) {
    swift::Coalescer coalescer({});
    swift::Output out;
    std::deque<Held> segments;
    for (std::size_t n = 0; n < ids.size(); ++n) {
      segments.push_back(with_id({.payload = 1000}, n, ids[n], df));
      coalescer.add(segments.back().segment(), out);
    }
    coalescer.flush(out);
    Counts found;
    for (const auto& injection : out.injections)
      found.push_back(injection.count);
    return found;
  };
  CHECK(counts({5, 5, 5}, true) == Counts{3});
  CHECK(counts({5, 6, 7}, true) == Counts{3});
  CHECK(counts({5, 5, 6}, true) == Counts{2, 1});
  CHECK(counts({5, 6, 6}, true) == Counts{2, 1});
  CHECK(counts({5, 6, 7}, false) == Counts{3});
  CHECK(counts({5, 5, 5}, false) == Counts{1, 1, 1});
}

TEST_CASE("swift: coalesce: nothing grows beyond what an IP packet and the kernel hold") {
  std::vector<Held> large, small, datagrams;
  for (std::size_t n = 0; n < 70; ++n)
    large.push_back(segment_of(following({.payload = 1400}, n)));
  const auto counts = joined(std::move(large));
  CHECK(counts == Counts{46, 24});
  for (std::size_t n = 0; n < 300; ++n)
    small.push_back(segment_of(following({.payload = 10}, n)));
  CHECK(joined(std::move(small)) == Counts{128, 128, 44});
  for (std::size_t n = 0; n < 100; ++n)
    datagrams.push_back(segment_of(following({.tcp = false, .payload = 100}, n)));
  CHECK(joined(std::move(datagrams)) == Counts{64, 36});
}

TEST_CASE("swift: coalesce: whole checksums, other protocols and odd frames pass as they are") {
  swift::Coalescer coalescer({});
  swift::Output out;
  const Shape shape{.payload = 1000};
  std::deque<Held> held{segment_of(shape), segment_of(following(shape, 1))};
  swift::Segment complete = held[1].segment();
  complete.partial_checksum = false;
  coalescer.add(held[0].segment(), out);
  coalescer.add(complete, out);
  // The one that was held left first: they are of one flow.
  REQUIRE(out.injections.size() == 2);
  CHECK(out.injections[0].header.needs_checksum);
  CHECK_FALSE(out.injections[1].header.needs_checksum);
}

TEST_CASE("swift: coalesce: many flows at once, lossy and reordered: each keeps its order") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    swift::Coalescer coalescer({});
    swift::Output out;
    std::deque<Held> segments;
    std::map<Bytes, std::vector<Bytes>> sent, seen;
    const auto flow_of = [](const Bytes& frame) {
      // MACs and source port.
      Bytes key(frame.begin(), frame.begin() + 12);
      key.push_back(frame[packet::parse_layers(frame)->transport_at + 1]);
      return key;
    };
    std::vector<Shape> flows(12);
    for (auto& flow : flows)
      flow = {.v6 = rng.below(2) == 0, .tcp = rng.below(2) == 0, .payload = 8 + rng.below(300)};
    for (int i = 0; i < 600; ++i) {
      const std::size_t n = rng.below(flows.size());
      Shape& flow = flows[n];
      Shape now = flow;
      if (rng.below(10) == 0) now.payload = rng.below(300);
      if (rng.below(10) == 0) now.tcp_flags = static_cast<std::uint8_t>(rng.next());
      flow = following(now, rng.below(12) == 0 ? 2 : 1);
      flow.payload = std::max<std::size_t>(8, flow.payload);
      flow.tcp_flags = 0x10;
      Bytes room(swift::kPrefixMax);
      append(room, partial_frame(now));
      room[packet::parse_layers(ByteView(room).subspan(swift::kPrefixMax))->transport_at +
           swift::kPrefixMax + 1] = static_cast<Byte>(n);
      segments.emplace_back(partial_segment(room, now));
      sent[flow_of(segments.back().frame())].push_back(segments.back().frame());
      coalescer.add(segments.back().segment(), out);
      if (rng.below(100) == 0) coalescer.flush(out);
    }
    coalescer.flush(out);
    for (const Bytes& frame : recut(out))
      seen[flow_of(frame)].push_back(frame);
    CHECK(seen == sent);
  }
}

}  // namespace
}  // namespace weft::test
