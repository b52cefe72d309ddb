// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/wire.h"

#include <doctest/doctest.h>

#include "base/rng.h"
#include "router/swift/core/vnet_header.h"

namespace weft::swift {
namespace {

TEST_CASE("swift: wire: the outer header stands to the byte") {
  const Outer outer{
      .stream = 2, .epoch = 0x0304, .index = 0x05060708, .counter = 0x090a0b0c0d0e0f10};
  Bytes bytes(kOuterSize);
  outer.write(bytes);
  CHECK(to_hex(bytes) == "0102030405060708090a0b0c0d0e0f10");
  CHECK(Outer::parse(bytes) == outer);
  CHECK_FALSE(Outer::parse(ByteView(bytes).first(15)).has_value());
  for (const unsigned other : {0U, 2U, 4U, 5U, 0x7bU}) {
    bytes[0] = static_cast<Byte>(other);
    CHECK_FALSE(Outer::parse(bytes).has_value());
  }
}

TEST_CASE(
    "swift: wire: the inner header stands to the byte, and what no sender writes is refused") {
  Bytes bytes(kInnerSize);
  const Inner partial{.partial_checksum = true, .relayed = true, .a = 34, .b = 16};
  partial.write(bytes);
  CHECK(to_hex(bytes) == "30221000");
  CHECK(Inner::parse(bytes) == partial);
  const Inner fragment{.type = InnerType::fragment, .a = 1, .b = 3};
  fragment.write(bytes);
  CHECK(to_hex(bytes) == "02010300");
  CHECK(Inner::parse(bytes) == fragment);
  for (const char* bad : {"03000000", "40000000", "80000000", "00000001", "00010000", "00000100",
                          "12010300", "11010000", "21010000", "000000"}) {
    CHECK_FALSE(Inner::parse(*from_hex(bad)).has_value());
  }
}

TEST_CASE("swift: wire: every inner header that parses is written back as it was") {
  Bytes bytes(kInnerSize), again(kInnerSize);
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned a = 0; a < 256; a += 5) {
      bytes = {static_cast<Byte>(first), static_cast<Byte>(a), static_cast<Byte>(a / 2), Byte{0}};
      const auto inner = Inner::parse(bytes);
      if (!inner) continue;
      inner->write(again);
      CHECK(again == bytes);
    }
  }
}

TEST_CASE("swift: wire: a probe survives padding, and a short or unknown one is refused") {
  const Probe probe{.kind = ProbeKind::mtu_echo,
                    .main_port = true,
                    .number = 0x0102030405060708,
                    .packet_size = 1500,
                    .seen = {.ip = {0x0a000001}, .port = 6783}};
  Bytes bytes(100, Byte{0xff});
  probe.write(bytes);
  CHECK(to_hex(ByteView(bytes).first(20)) == "01040100010203040506070805dc0a0000011a7f");
  CHECK(Probe::parse(bytes) == probe);
  CHECK(Probe::parse(ByteView(bytes).first(20)) == probe);
  CHECK_FALSE(Probe::parse(ByteView(bytes).first(19)).has_value());
  for (const unsigned kind : {0U, 5U, 255U}) {
    bytes[1] = static_cast<Byte>(kind);
    CHECK_FALSE(Probe::parse(bytes).has_value());
  }
  bytes[1] = Byte{1};
  bytes[2] = Byte{2};
  CHECK_FALSE(Probe::parse(bytes).has_value());
}

TEST_CASE("swift: vnet header: all that the kernel may say comes back as it was") {
  SeededRng rng(1);
  for (const Gso gso : {Gso::none, Gso::tcp_v4, Gso::tcp_v6, Gso::udp}) {
    const VnetHeader header{.gso = gso,
                            .ecn = rng.below(2) == 0,
                            .needs_checksum = rng.below(2) == 0,
                            .header_size = static_cast<std::uint16_t>(rng.next()),
                            .segment_size = static_cast<std::uint16_t>(rng.next()),
                            .checksum_start = static_cast<std::uint16_t>(rng.next()),
                            .checksum_offset = static_cast<std::uint16_t>(rng.next())};
    Bytes bytes(12, Byte{0xff});
    header.write(bytes);
    CHECK(VnetHeader::parse(bytes) == header);
    CHECK(bytes[10] == Byte{0});
    CHECK(bytes[11] == Byte{0});
  }
}

TEST_CASE("swift: vnet header: segmentation that was never asked for is refused") {
  Bytes bytes(VnetHeader::kSize);
  for (const unsigned kind : {2U, 3U, 6U, 0x7fU, 0x83U}) {
    bytes[1] = static_cast<Byte>(kind);
    CHECK_FALSE(VnetHeader::parse(bytes).has_value());
  }
  bytes[1] = Byte{1};
  CHECK(VnetHeader::parse(bytes).has_value());
  CHECK_FALSE(VnetHeader::parse(ByteView(bytes).first(9)).has_value());
}

}  // namespace
}  // namespace weft::swift
