// SPDX-License-Identifier: Apache-2.0
// Cutting alone, against the segmenter that computes every checksum; and cutting, then joining,
// which together must change nothing.
#include "router/swift/core/segment.h"

#include <doctest/doctest.h>

#include "router/packet/offload.h"
#include "tests/unit/swift/hosts.h"
#include "tests/unit/swift/recut.h"

namespace weft::test {
namespace {

Shape random_shape(Rng& rng) {
  Shape shape;
  shape.v6 = rng.below(2) == 0;
  shape.tcp = rng.below(3) != 0;
  shape.vlan_tags = rng.below(3);
  if (rng.below(8) == 0) shape.ip_options = 4 * (1 + rng.below(10));
  if (shape.tcp) shape.tcp_options = 4 * rng.below(11);
  shape.tcp_flags = static_cast<std::uint8_t>(
      0x10U | (rng.below(2) == 0 ? 0x08U : 0U) | (rng.below(8) == 0 ? 0x01U : 0U) |
      (rng.below(8) == 0 ? 0x80U : 0U) | (rng.below(8) == 0 ? 0x40U : 0U));
  shape.id = static_cast<std::uint16_t>(rng.next());
  shape.sequence = static_cast<std::uint32_t>(rng.next());
  shape.payload = rng.below(rng.below(2) == 0 ? 65000 : 5000);
  return shape;
}

std::size_t random_size(Rng& rng, const Shape& shape) {
  const std::size_t segments = 1 + rng.below(60);
  return std::max<std::size_t>(swift::SegmentCutter::kPayloadMin, shape.payload / segments + 1);
}

TEST_CASE("swift: segment: cut frames equal those of the segmenter, but for partial checksums") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    const Shape shape = random_shape(rng);
    const std::size_t size = random_size(rng, shape);
    const Bytes frame = partial_frame(shape);
    auto model = packet::Segmenter::make(frame, {.payload = size});
    REQUIRE(model.has_value());
    for (Held& held : cut(frame, gso_header(shape, frame, size))) {
      const swift::Segment segment = held.segment();
      CHECK(segment.partial_checksum);
      REQUIRE(packet::complete_checksum(segment.frame(), {.start = segment.checksum_start,
                                                          .offset = segment.checksum_offset})
                  .has_value());
      Bytes expected(model->next_size());
      model->write_next(expected);
      CHECK(held.frame() == expected);
    }
    CHECK(model->next_size() == 0);
  }
}

TEST_CASE("swift: segment: cutting and joining is the identity") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    const Shape shape = random_shape(rng);
    const std::size_t size = random_size(rng, shape);
    const Bytes frame = partial_frame(shape);
    const auto header = gso_header(shape, frame, size);
    auto segments = cut(frame, header);
    std::vector<Bytes> expected;
    swift::Coalescer coalescer({});
    swift::Output out;
    for (Held& held : segments) {
      expected.push_back(held.frame());
      coalescer.add(held.segment(), out);
    }
    coalescer.flush(out);
    CHECK(recut(out) == expected);
    // With IP options and extension headers nobody joins; a frame with CWR in front is one with
    // the ECN mark.
    if (shape.ip_options > 0) continue;
    REQUIRE(out.injections.size() == 1);
    auto wanted = header;
    wanted.ecn = header.gso != swift::Gso::none && shape.tcp && (shape.tcp_flags & 0x80U) != 0;
    CHECK(out.injections[0].header == wanted);
    CHECK(joined_frame(out, out.injections[0]) == frame);
  }
}

TEST_CASE("swift: segment: what the header does not describe is refused") {
  const Shape tcp{.payload = 5000};
  const Bytes frame = partial_frame(tcp);
  const auto good = gso_header(tcp, frame, 1000);
  const auto refused = [](ByteView bytes, const swift::VnetHeader& header) {
    Bytes room(swift::kPrefixMax);
    append(room, bytes);
    const Bytes before = room;
    const bool made = swift::SegmentCutter::make(header, room).has_value();
    CHECK((made || room == before));
    return !made;
  };
  CHECK_FALSE(refused(frame, good));
  for (const auto gso : {swift::Gso::tcp_v6, swift::Gso::udp}) {
    auto header = good;
    header.gso = gso;
    CHECK(refused(frame, header));
  }
  for (const unsigned size : {0U, 1U, 7U}) {
    auto header = good;
    header.segment_size = static_cast<std::uint16_t>(size);
    CHECK(refused(frame, header));
  }
  for (std::size_t size = 0; size < 54; ++size)
    CHECK(refused(ByteView(frame).first(size), good));
  CHECK(refused(frame, {.needs_checksum = true, .checksum_start = 5050, .checksum_offset = 3}));
  CHECK(refused(frame,
                {.needs_checksum = true, .checksum_start = 0xffff, .checksum_offset = 0xffff}));
  Bytes fragment = frame;
  fragment[14 + 6] = Byte{0x20};
  CHECK(refused(fragment, good));
}

TEST_CASE("swift: segment: a checksum too far in for our header is completed at once") {
  Bytes frame = partial_frame({.tcp = false, .payload = 600});
  const swift::VnetHeader header{
      .needs_checksum = true, .checksum_start = 300, .checksum_offset = 10};
  auto segments = cut(frame, header);
  REQUIRE(segments.size() == 1);
  CHECK_FALSE(segments[0].segment().partial_checksum);
  REQUIRE(packet::complete_checksum(frame, {.start = 300, .offset = 10}).has_value());
  CHECK(segments[0].frame() == frame);
}

}  // namespace
}  // namespace weft::test
