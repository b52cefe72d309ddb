// SPDX-License-Identifier: Apache-2.0
#include "router/packet/offload.h"

#include <algorithm>
#include <limits>

#include <doctest/doctest.h>

#include "base/rng.h"
#include "router/packet/checksum.h"
#include "tests/unit/packet/samples.h"

using namespace weft;
using namespace weft::packet;
using test::partial_frame;
using test::Shape;

namespace {

std::vector<Shape> shapes(std::size_t payload) {
  std::vector<Shape> all;
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      for (const std::size_t options : {0U, 12U}) {
        for (const std::size_t tags : {0U, 1U, 2U}) {
          all.push_back({.v6 = v6,
                         .tcp = tcp,
                         .payload = payload,
                         .vlan_tags = tags,
                         .ip_options = options,
                         .tcp_options = options});
        }
      }
    }
  }
  return all;
}

std::vector<Bytes> segments_of(ByteView frame, SegmentOptions options) {
  auto segmenter = Segmenter::make(frame, options);
  REQUIRE(segmenter.has_value());
  const std::size_t count = segmenter->count();
  std::vector<Bytes> all;
  while (segmenter->next_size() > 0) {
    all.emplace_back(segmenter->next_size());
    segmenter->write_next(all.back());
  }
  CHECK(all.size() == count);
  return all;
}

std::size_t headers_of(ByteView frame) {
  const auto l = parse_layers(frame);
  REQUIRE(l.has_value());
  return l->transport_at + tcp_header_size(frame, *l).value_or(kUdpHeaderSize);
}

}  // namespace

TEST_CASE("packet: checksum: the fast sum equals the one of RFC 1071 for any bytes and pieces") {
  SeededRng rng(1);
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes(rng.below(round % 50 == 0 ? 65536 : 200));
    rng.fill(bytes);
    if (round % 3 == 0) std::ranges::fill(bytes, Byte{0xff});
    const std::size_t cut = rng.below(bytes.size() / 2 + 1) * 2;
    InternetChecksum sum;
    sum.add(ByteView(bytes).first(std::min(cut, bytes.size())));
    sum.add(ByteView(bytes).subspan(std::min(cut, bytes.size())));
    CHECK(sum.sum() == test::slow_sum(bytes));
  }
  CHECK(InternetChecksum().add_u32(0xffff0001).add_u16(0xfffe).sum() == 0xffff);
}

TEST_CASE("packet: checksum: a partial one is recognised, completed and then left alone") {
  for (const std::size_t payload : {0U, 1U, 7U, 1000U, 1371U}) {
    for (Shape shape : shapes(payload)) {
      shape.padding = payload == 0 ? 6 : 0;
      Bytes frame = partial_frame(shape);
      REQUIRE_FALSE(test::transport_checksum_ok(frame));
      CHECK(complete_partial_checksum(frame));
      CHECK(test::transport_checksum_ok(frame));
      const Bytes done = frame;
      CHECK_FALSE(complete_partial_checksum(frame));
      CHECK(frame == done);
    }
  }
}

TEST_CASE("packet: checksum: given its place, it is completed as if it were recognised") {
  for (const Shape& shape : shapes(777)) {
    Bytes frame = partial_frame(shape);
    Bytes other = frame;
    const auto l = parse_layers(frame);
    REQUIRE(l.has_value());
    REQUIRE(complete_checksum(frame,
                              {.start = l->transport_at, .offset = shape.tcp ? std::size_t{16} : 6})
                .has_value());
    CHECK(complete_partial_checksum(other));
    CHECK(frame == other);
  }
}

TEST_CASE("packet: checksum: a place outside the frame is refused") {
  Bytes frame = partial_frame({.payload = 10});
  const Bytes before = frame;
  const std::size_t huge = std::numeric_limits<std::size_t>::max();
  for (const PartialChecksum where :
       {PartialChecksum{frame.size(), 0}, PartialChecksum{0, huge}, PartialChecksum{huge, huge},
        PartialChecksum{huge, 2}, PartialChecksum{frame.size() - 1, 0}}) {
    CHECK_FALSE(complete_checksum(frame, where).has_value());
  }
  CHECK(frame == before);
}

TEST_CASE("packet: checksum: a UDP sum that comes out as zero is sent as all ones") {
  // Some payload word makes the sum come out as zero; it is looked for.
  for (std::uint32_t word = 0; word <= 0xffff; ++word) {
    Bytes frame = partial_frame({.tcp = false, .payload = 2});
    const auto l = parse_layers(frame);
    store_u16(ByteSpan(frame).subspan(l->transport_at + 8), static_cast<std::uint16_t>(word));
    REQUIRE(complete_partial_checksum(frame));
    REQUIRE(load_u16(ByteView(frame).subspan(l->transport_at + 6)) != 0);
    if (word % 4096 == 0) CHECK(test::transport_checksum_ok(frame));
  }
}

TEST_CASE("packet: checksum: a wrong checksum that is not partial is not repaired") {
  Bytes frame = partial_frame({.payload = 100});
  REQUIRE(complete_partial_checksum(frame));
  frame.back() ^= Byte{1};
  const Bytes broken = frame;
  CHECK_FALSE(complete_partial_checksum(frame));
  CHECK(frame == broken);
}

TEST_CASE("packet: segments: a super-frame becomes frames whose payloads join to its own") {
  for (const std::size_t payload : {1U, 1000U, 1400U, 9000U, 65000U}) {
    for (const Shape& shape : shapes(payload)) {
      const Bytes frame = partial_frame(shape);
      const std::size_t headers = headers_of(frame);
      const std::size_t wanted = 1200;
      const auto segments = segments_of(frame, {.payload = wanted});
      Bytes joined;
      for (std::size_t i = 0; i < segments.size(); ++i) {
        const Bytes& s = segments[i];
        CHECK(test::transport_checksum_ok(s));
        if (!shape.v6) CHECK(test::ipv4_checksum_ok(s));
        const auto l = parse_layers(s);
        REQUIRE(l.has_value());
        CHECK(l->end == s.size());
        CHECK(s.size() - headers == (i + 1 < segments.size() ? wanted : payload - i * wanted));
        if (!shape.v6) CHECK(load_u16(ByteView(s).subspan(l->network_at + 4)) == 100 + i);
        if (shape.tcp) {
          CHECK(load_u32(ByteView(s).subspan(l->transport_at + 4)) == 0x01020304 + joined.size());
        } else {
          CHECK(load_u16(ByteView(s).subspan(l->transport_at + 4)) == s.size() - l->transport_at);
        }
        append(joined, ByteView(s).subspan(headers));
      }
      CHECK(joined == to_bytes(ByteView(frame).subspan(headers)));
    }
  }
}

TEST_CASE("packet: segments: without a segment size TCP is cut to the MTU") {
  const Bytes frame = partial_frame({.payload = 10000, .tcp_options = 12});
  const auto segments = segments_of(frame, {.mtu = 1376});
  for (std::size_t i = 0; i + 1 < segments.size(); ++i)
    CHECK(segments[i].size() == 14 + 1376);
  CHECK(segments.size() == (10000 + 1323) / 1324);
}

TEST_CASE("packet: segments: FIN and PSH end the last segment, CWR starts the first") {
  const Bytes frame = partial_frame({.payload = 3000, .tcp_flags = 0xff});
  const auto segments = segments_of(frame, {.payload = 1000});
  REQUIRE(segments.size() == 3);
  const auto flags = [&](std::size_t i) {
    return std::to_integer<unsigned>(segments[i][34 + 13]);
  };
  CHECK(flags(0) == 0xf6);
  CHECK(flags(1) == 0x76);
  CHECK(flags(2) == 0x7f);
}

TEST_CASE("packet: segments: a frame that fits comes out as it is, with its checksum") {
  for (const Shape& shape : shapes(100)) {
    Bytes frame = partial_frame(shape);
    const auto segments = segments_of(frame, {.mtu = 1500, .payload = shape.tcp ? 0U : 1000U});
    REQUIRE(segments.size() == 1);
    CHECK(complete_partial_checksum(frame));
    CHECK(segments[0] == frame);
  }
}

TEST_CASE("packet: segments: IP IDs and sequence numbers wrap round") {
  const Bytes frame = partial_frame({.payload = 300, .id = 0xffff, .sequence = 0xffffff80});
  const auto segments = segments_of(frame, {.payload = 100});
  REQUIRE(segments.size() == 3);
  CHECK(load_u16(ByteView(segments[1]).subspan(18)) == 0);
  CHECK(load_u32(ByteView(segments[2]).subspan(38)) == 0xffffff80U + 200U);
}

TEST_CASE("packet: segments: what cannot be cut is refused") {
  CHECK_FALSE(Segmenter::make(partial_frame({.tcp = false, .payload = 3000}), {}).has_value());
  CHECK_FALSE(Segmenter::make(partial_frame({.payload = 3000}), {.mtu = 47}).has_value());
  CHECK_FALSE(Segmenter::make(partial_frame({.payload = 3000}), {.payload = 7}).has_value());
  CHECK_FALSE(Segmenter::make({}, {}).has_value());
  Bytes fragment = partial_frame({.payload = 3000});
  store_u16(ByteSpan(fragment).subspan(20), 0x2000);
  CHECK_FALSE(Segmenter::make(fragment, {}).has_value());
  Bytes damaged = partial_frame({.payload = 3000});
  damaged[34 + 12] = Byte{0x40};
  CHECK_FALSE(Segmenter::make(damaged, {}).has_value());
}

TEST_CASE("packet: segments: an MTU is exceeded by the IP packet, not by frame or padding") {
  CHECK_FALSE(exceeds_mtu(partial_frame({.payload = 1460}), 1500));
  CHECK(exceeds_mtu(partial_frame({.payload = 1461}), 1500));
  CHECK_FALSE(exceeds_mtu(partial_frame({.payload = 1460, .vlan_tags = 2, .padding = 9}), 1500));
  CHECK_FALSE(exceeds_mtu(Bytes(9000), 1500));
}
