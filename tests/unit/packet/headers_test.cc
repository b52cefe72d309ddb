// SPDX-License-Identifier: Apache-2.0
#include "router/packet/headers.h"

#include <doctest/doctest.h>

#include "base/rng.h"
#include "router/packet/flow_key.h"
#include "router/packet/fragment.h"
#include "router/packet/icmp.h"
#include "router/packet/offload.h"
#include "tests/unit/packet/samples.h"

using namespace weft;
using namespace weft::packet;
using test::partial_frame;

TEST_CASE("packet: headers: layers lie where they were written") {
  const auto plain = parse_layers(partial_frame({.payload = 10}));
  REQUIRE(plain.has_value());
  CHECK(plain->network == Network::ipv4);
  CHECK(plain->network_at == 14);
  CHECK(plain->transport_at == 34);
  CHECK(plain->end == 64);
  CHECK(plain->protocol == ip_protocol::kTcp);
  CHECK(plain->dont_fragment);
  const auto tagged = parse_layers(
      partial_frame({.v6 = true, .tcp = false, .payload = 10, .vlan_tags = 2, .ip_options = 8}));
  REQUIRE(tagged.has_value());
  CHECK(tagged->network == Network::ipv6);
  CHECK(tagged->vlan_tags == 2);
  CHECK(tagged->network_at == 22);
  CHECK(tagged->transport_at == 22 + 40 + 8);
  CHECK(tagged->protocol == ip_protocol::kUdp);
}

TEST_CASE("packet: headers: an IP packet that is cut off is no IP packet") {
  for (const bool v6 : {false, true}) {
    const Bytes frame = partial_frame({.v6 = v6, .payload = 30});
    for (std::size_t size = 0; size < frame.size(); ++size) {
      const auto layers = parse_layers(ByteView(frame).first(size));
      CHECK(layers.has_value() == (size >= 14));
      if (layers) CHECK(layers->network == Network::other);
    }
  }
}

TEST_CASE("packet: headers: later IPv6 fragments have payload where a header seems to be") {
  Bytes frame = partial_frame({.v6 = true, .payload = 30, .ip_options = 8});
  frame[14 + 6] = Byte{44};
  store_u16(ByteSpan(frame).subspan(14 + 40 + 2), 0x0100);
  const auto layers = parse_layers(frame);
  REQUIRE(layers.has_value());
  CHECK(layers->fragment);
  CHECK(layers->fragment_offset == 256);
  CHECK_FALSE(tcp_header_size(frame, *layers).has_value());
  CHECK_FALSE(complete_partial_checksum(frame));
}

TEST_CASE("packet: headers: an MTU counts neither Ethernet's header nor one VLAN tag") {
  const auto frame = [](std::size_t tags, std::size_t size) {
    Bytes made = partial_frame({.payload = 100, .vlan_tags = tags});
    made.resize(size);
    return made;
  };
  CHECK(fits_mtu(frame(0, 514), 500));
  CHECK_FALSE(fits_mtu(frame(0, 515), 500));
  for (std::size_t tags : {std::size_t{1}, std::size_t{2}}) {
    CHECK(fits_mtu(frame(tags, 518), 500));
    CHECK_FALSE(fits_mtu(frame(tags, 519), 500));
  }
}

TEST_CASE("packet: headers: any bytes are parsed without reading past their end") {
  SeededRng rng(3);
  for (int round = 0; round < 20000; ++round) {
    Bytes frame = partial_frame({.v6 = rng.below(2) == 0,
                                 .tcp = rng.below(2) == 0,
                                 .payload = rng.below(40),
                                 .vlan_tags = rng.below(3),
                                 .ip_options = rng.below(3) * 8});
    for (std::uint64_t flips = rng.below(6); flips > 0; --flips) {
      frame[rng.below(std::min<std::size_t>(frame.size(), 90))] = static_cast<Byte>(rng.below(256));
    }
    frame.resize(rng.below(frame.size() + 1));
    frame.shrink_to_fit();
    const auto layers = parse_layers(frame);
    if (!layers || layers->network == Network::other) continue;
    REQUIRE(layers->transport_at <= layers->end);
    REQUIRE(layers->end <= frame.size());
    CHECK(flow_of(frame, *layers).has_value());
    complete_partial_checksum(frame);
    recompute_checksum(frame, *layers);
    IcmpFrame answer;
    answer_too_big(frame, 1400, answer);
  }
}

TEST_CASE("packet: flow key: directions, ports and protocols differ, the same flow does not") {
  const auto key = [](const Bytes& frame) {
    const auto layers = parse_layers(frame);
    return *flow_of(frame, *layers);
  };
  const auto tcp = key(partial_frame({.payload = 10}));
  CHECK(tcp == key(partial_frame({.payload = 900, .id = 7, .sequence = 9})));
  CHECK(tcp.hash() == key(partial_frame({.payload = 900})).hash());
  CHECK(tcp != key(partial_frame({.tcp = false, .payload = 10})));
  CHECK(tcp.source_port == 40000);
  CHECK(tcp.destination_port == 5201);
  Bytes fragment = partial_frame({.payload = 10});
  store_u16(ByteSpan(fragment).subspan(20), 0x2000);
  CHECK(key(fragment).source_port == 0);
  CHECK(key(partial_frame({.v6 = true})).hash() != tcp.hash());
}

TEST_CASE("packet: fragments: they reassemble to the packet, for any MTU") {
  SeededRng rng(5);
  for (int round = 0; round < 300; ++round) {
    Bytes frame = partial_frame({.tcp = false,
                                 .payload = 1 + rng.below(6000),
                                 .ip_options = rng.below(3) * 8,
                                 .padding = rng.below(10)});
    const auto whole = parse_layers(frame);
    store_u16(ByteSpan(frame).subspan(20), 0);
    const std::size_t mtu = 68 + rng.below(2000);
    auto pieces = Ipv4Fragmenter::make(frame, mtu);
    REQUIRE(pieces.has_value());
    Bytes joined;
    bool more = true;
    while (const std::size_t size = pieces->next_size()) {
      REQUIRE(more);
      Bytes piece(size);
      pieces->write_next(piece);
      const auto l = parse_layers(piece);
      REQUIRE(l.has_value());
      CHECK(l->end - 14 <= mtu);
      CHECK(test::ipv4_checksum_ok(piece));
      CHECK(l->fragment_offset == joined.size());
      more = (load_u16(ByteView(piece).subspan(20)) & 0x2000U) != 0;
      append(joined, ByteView(piece).subspan(l->transport_at, l->end - l->transport_at));
    }
    CHECK_FALSE(more);
    CHECK(joined ==
          to_bytes(ByteView(frame).subspan(whole->transport_at, whole->end - whole->transport_at)));
  }
}

TEST_CASE("packet: fragments: DF, other protocols and offsets beyond 64 KiB are refused") {
  CHECK_FALSE(Ipv4Fragmenter::make(partial_frame({.payload = 3000}), 1400).has_value());
  CHECK_FALSE(Ipv4Fragmenter::make(partial_frame({.v6 = true, .payload = 3000}), 1400).has_value());
  Bytes frame = partial_frame({.payload = 3000});
  store_u16(ByteSpan(frame).subspan(20), 0x1fff);
  CHECK_FALSE(Ipv4Fragmenter::make(frame, 1400).has_value());
  store_u16(ByteSpan(frame).subspan(20), 0);
  CHECK_FALSE(Ipv4Fragmenter::make(frame, 27).has_value());
  CHECK(Ipv4Fragmenter::make(frame, 28).has_value());
}

TEST_CASE("packet: too big: the answer comes from the destination with right checksums") {
  for (const bool v6 : {false, true}) {
    const Bytes frame = partial_frame({.v6 = v6, .payload = 3000});
    IcmpFrame answer;
    REQUIRE(answer_too_big(frame, 1400, answer));
    const auto l = parse_layers(answer.view());
    REQUIRE(l.has_value());
    CHECK(destination_mac(answer.view()) == source_mac(frame));
    CHECK(source_mac(answer.view()) == destination_mac(frame));
    CHECK(l->protocol == (v6 ? ip_protocol::kIcmpV6 : ip_protocol::kIcmp));
    if (v6) {
      CHECK(test::transport_checksum_ok(answer.view()));
    } else {
      CHECK(test::ipv4_checksum_ok(answer.view()));
      CHECK(test::slow_sum(answer.view().subspan(34, l->end - 34)) == 0xffff);
    }
  }
}

TEST_CASE("packet: too big: errors, later fragments, multicasts and tags are not answered") {
  IcmpFrame answer;
  Bytes error = partial_frame({.payload = 100});
  error[14 + 9] = Byte{ip_protocol::kIcmp};
  error[34] = Byte{3};
  CHECK_FALSE(answer_too_big(error, 1400, answer));
  error[34] = Byte{8};
  CHECK(answer_too_big(error, 1400, answer));
  Bytes later = partial_frame({.payload = 100});
  store_u16(ByteSpan(later).subspan(20), 0x4001);
  CHECK_FALSE(answer_too_big(later, 1400, answer));
  Bytes multicast = partial_frame({.payload = 100});
  multicast[14 + 16] = Byte{224};
  CHECK_FALSE(answer_too_big(multicast, 1400, answer));
  CHECK_FALSE(answer_too_big(partial_frame({.payload = 100, .vlan_tags = 1}), 1400, answer));
  CHECK_FALSE(answer_too_big(partial_frame({.v6 = true, .payload = 2000}), 1279, answer));
}
