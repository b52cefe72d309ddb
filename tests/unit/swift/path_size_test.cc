// SPDX-License-Identifier: Apache-2.0
// Frames and probes against the size of the path: what fits leaves as it is, what does not is
// answered or cut, and nothing leaves that is larger than the path.
#include <doctest/doctest.h>

#include "tests/unit/swift/hosts.h"

namespace weft::test {
namespace {

constexpr MacAddr kSourceMac{0x020000000001};
constexpr MacAddr kDestinationMac{0x020000000002};

struct Path {
  // b's bridge may take less than a's.
  explicit Path(int path_mtu, bool encrypted = true, std::size_t far_bridge_mtu = 65535)
      : b(2, {.bridge_mtu = far_bridge_mtu}), rng(1) {
    join(a, b, rng, {.encrypted = encrypted, .path_mtu = path_mtu});
    for (Host* host : {&a, &b}) {
      host->forwarder.learn(kStart, kSourceMac, a.name);
      host->forwarder.learn(kStart, kDestinationMac, b.name);
    }
  }
  Host a{1};
  Host b;
  SeededRng rng;
};

Bytes allow_fragments(Bytes frame) {
  ByteSpan ip = ByteSpan(frame).subspan(14);
  ip[6] = Byte{0};
  store_u16(ip.subspan(10), 0);
  store_u16(ip.subspan(10), static_cast<std::uint16_t>(~slow_sum(ip.first(20))));
  return frame;
}

swift::VnetHeader whole_header(const Shape& shape, ByteView frame) {
  return gso_header(shape, frame, 65535);
}

TEST_CASE("swift: path size: a frame that just fits leaves as one datagram of the path's size") {
  for (const bool encrypted : {true, false}) {
    Path path(1500, encrypted);
    const std::size_t overhead = 28 + 16 + 4 + 14 + (encrypted ? 16 : 0);
    const Shape shape{.payload = 1500 - overhead - 40};
    const Bytes frame = partial_frame(shape);
    path.a.capture(frame, whole_header(shape, frame));
    const auto sent = path.a.flush();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].second.bytes.size() == 1500 - 28);
    CHECK(path.a.injected.empty());
  }
}

TEST_CASE("swift: path size: a sender with DF is told, whose super-frame goes nowhere") {
  for (const bool v6 : {false, true}) {
    Path path(1400);
    const Shape shape{.v6 = v6, .payload = 60000};
    const Bytes frame = partial_frame(shape);
    path.a.capture(frame, gso_header(shape, frame, 1400));
    CHECK(path.a.flush().empty());
    CHECK(path.a.forwarder.counters().too_big_answered == 1);
    REQUIRE(path.a.injected.size() == 1);
    const Bytes& answer = path.a.injected[0].frame;
    CHECK(packet::destination_mac(answer) == kSourceMac);
    CHECK(packet::source_mac(answer) == kDestinationMac);
    // The MTU that the pods see: what also fits when relayed.
    const std::size_t mtu = 1400 - static_cast<std::size_t>(swift::kOverheadMax);
    if (v6) {
      CHECK(load_u32(ByteView(answer).subspan(14 + 40 + 4)) == mtu);
    } else {
      CHECK(load_u16(ByteView(answer).subspan(14 + 20 + 6)) == mtu);
    }
  }
}

TEST_CASE("swift: path size: a relay answers the sender through the mesh") {
  SeededRng rng(2);
  Host a(1), b(2), c(3);
  join(a, b, rng);
  join(b, c, rng, {.path_mtu = 1200});
  a.spec.unicast[c.name] = b.name;
  a.apply();
  a.forwarder.learn(kStart, kDestinationMac, c.name);
  a.forwarder.learn(kStart, kSourceMac, a.name);
  const Shape shape{.payload = 1300};
  const Bytes frame = partial_frame(shape);
  a.capture(frame, whole_header(shape, frame));
  carry(a, b);
  carry(b, a);
  a.flush();
  CHECK(b.injected.empty());
  REQUIRE(a.injected.size() == 1);
  CHECK(packet::destination_mac(a.injected[0].frame) == kSourceMac);
}

TEST_CASE("swift: path size: without DF a frame is cut and comes together, checksum complete") {
  for (const int path_mtu : {576, 1000, 1500}) {
    for (const bool encrypted : {true, false}) {
      Path path(path_mtu, encrypted);
      const Shape shape{.tcp = false, .payload = 9000};
      const Bytes frame = allow_fragments(partial_frame(shape));
      path.a.capture(frame, whole_header(shape, frame));
      const auto sent = path.a.flush();
      CHECK(path.a.injected.empty());
      CHECK(sent.size() >= 9000U / static_cast<unsigned>(path_mtu));
      for (const auto& [to, datagram] : sent) {
        CHECK(datagram.bytes.size() + 28 <= static_cast<std::size_t>(path_mtu));
        path.b.receive(datagram);
      }
      path.b.flush();
      REQUIRE(path.b.injected.size() == 1);
      const Bytes& arrived = path.b.injected[0].frame;
      CHECK(transport_checksum_ok(arrived));
      CHECK(arrived.size() == frame.size());
      CHECK(std::equal(arrived.begin() + 42, arrived.end(), frame.begin() + 42));
      CHECK_FALSE(path.b.injected[0].header.needs_checksum);
    }
  }
}

TEST_CASE("swift: path size: what the far bridge would not take is cut before it") {
  // One that fits the path, whose checksum is only begun; and one that came in fragments.
  for (const std::size_t payload : {std::size_t{1350}, std::size_t{4000}}) {
    Path path(1500, true, 1300);
    const Shape shape{.tcp = false, .payload = payload};
    const Bytes frame = allow_fragments(partial_frame(shape));
    path.a.capture(frame, whole_header(shape, frame));
    carry(path.a, path.b);
    CHECK(path.b.flush().empty());
    REQUIRE(path.b.injected.size() == (payload == 1350 ? 2 : 4));
    Bytes whole(frame.begin(), frame.begin() + 34);
    for (const Injected& piece : path.b.injected) {
      const auto layers = packet::parse_layers(piece.frame);
      REQUIRE(layers.has_value());
      CHECK(piece.frame.size() <= 1300 + 14);
      CHECK_FALSE(piece.header.needs_checksum);
      CHECK(layers->fragment_offset == whole.size() - 34);
      append(whole, ByteView(piece.frame).subspan(34, layers->end - 34));
    }
    CHECK(transport_checksum_ok(whole));
    CHECK(path.b.forwarder.counters().dropped_too_big == 0);
  }
}

TEST_CASE("swift: path size: what the far bridge would not take and nobody may cut is answered") {
  for (const bool v6 : {false, true}) {
    Path path(1500, true, 1300);
    const Shape shape{.v6 = v6, .payload = 1300};
    const Bytes frame = partial_frame(shape);
    // The second of a train takes the short way.
    path.a.capture(frame, whole_header(shape, frame));
    path.a.capture(frame, whole_header(shape, frame));
    for (const auto& [to, datagram] : path.a.flush())
      path.b.receive(datagram);
    const auto answers = path.b.flush();
    CHECK(path.b.injected.empty());
    CHECK(path.b.forwarder.counters().dropped_too_big == 2);
    CHECK(path.b.forwarder.counters().too_big_answered == 2);
    for (const auto& [to, datagram] : answers)
      path.a.receive(datagram);
    path.a.flush();
    REQUIRE(path.a.injected.size() == 2);
    const Bytes& answer = path.a.injected[0].frame;
    CHECK(packet::destination_mac(answer) == kSourceMac);
    CHECK(packet::source_mac(answer) == kDestinationMac);
    const std::size_t mtu = v6 ? load_u32(ByteView(answer).subspan(14 + 40 + 4))
                               : load_u16(ByteView(answer).subspan(14 + 20 + 6));
    CHECK(mtu == 1300);
  }
}

TEST_CASE("swift: path size: who cannot be answered is cut, DF or not") {
  Path path(1000);
  const auto arrives = [&path](const Bytes& frame, const swift::VnetHeader& header) {
    path.a.capture(frame, header);
    for (const auto& [to, datagram] : path.a.flush()) {
      CHECK(datagram.bytes.size() + 28 <= 1000);
      path.b.receive(datagram);
    }
    CHECK(path.a.injected.empty());
    path.b.flush();
    return path.b.injected.size() == 1 && path.b.injected[0].frame.size() == frame.size();
  };
  // A VLAN tag, an EtherType without a notion of it, IPv6 below the MTU it may rely on, a flood.
  const Shape vlan{.payload = 1400, .vlan_tags = 1};
  CHECK(arrives(partial_frame(vlan), whole_header(vlan, partial_frame(vlan))));
  Bytes other;
  Writer(other).u48(kDestinationMac.value).u48(kSourceMac.value).u16(0x9999).zeros(1400);
  CHECK(arrives(other, {}));
  const Shape v6{.v6 = true, .payload = 1100};
  CHECK(arrives(partial_frame(v6), whole_header(v6, partial_frame(v6))));
  path.a.forwarder.forget(path.b.name);
  const Shape unknown{.payload = 1400};
  CHECK(arrives(partial_frame(unknown), whole_header(unknown, partial_frame(unknown))));
}

TEST_CASE("swift: path size: an MTU probe has the size that was asked for, other probes none") {
  for (const bool encrypted : {true, false}) {
    Path path(1500, encrypted);
    const std::uint32_t tunnel = path.a.tunnel_to(path.b).index;
    for (const std::uint16_t size : {std::uint16_t{0}, std::uint16_t{576}, std::uint16_t{1500},
                                     std::uint16_t{9000}, std::uint16_t{65535}}) {
      swift::Probe probe{.kind = swift::ProbeKind::mtu_probe, .number = 7, .packet_size = size};
      path.a.forwarder.on_probe(tunnel, probe, path.a.out);
      REQUIRE(path.a.out.trains.size() == 1);
      CHECK(path.a.out.trains[0].mtu_probe);
      CHECK_FALSE(path.a.out.trains[0].one_source_port);
      const auto sent = path.a.flush();
      const std::size_t smallest = 28 + 16 + 20 + (encrypted ? 16 : 0);
      CHECK(sent.at(0).second.bytes.size() + 28 == std::max<std::size_t>(smallest, size));
      path.b.receive(sent[0].second);
      path.b.flush();
      const auto seen = path.b.events_of<swift::ProbeReceived>();
      REQUIRE(seen.size() == 1);
      CHECK(seen[0].probe == probe);
      CHECK(seen[0].from == path.a.address);
      CHECK(seen[0].tunnel == path.b.tunnel_to(path.a).index);
    }
    path.a.forwarder.on_probe(
        tunnel, {.kind = swift::ProbeKind::mtu_echo, .main_port = true, .packet_size = 9000},
        path.a.out);
    REQUIRE(path.a.out.trains.size() == 1);
    CHECK_FALSE(path.a.out.trains[0].mtu_probe);
    CHECK(path.a.out.trains[0].one_source_port);
    CHECK(path.a.out.trains[0].bytes.size() < 100);
    path.a.flush();
    path.a.forwarder.on_probe(tunnel + 1, {}, path.a.out);
    CHECK(path.a.out.trains.empty());
  }
}

TEST_CASE("swift: path size: a probe of a worker's own port leaves from it before frames may") {
  Path path(1500);
  path.a.tunnel_to(path.b).one_source_port = true;
  path.a.apply();
  const std::uint32_t tunnel = path.a.tunnel_to(path.b).index;
  for (const bool main_port : {false, true}) {
    path.a.forwarder.on_probe(tunnel, {.main_port = main_port, .number = 1}, path.a.out);
    REQUIRE(path.a.out.trains.size() == 1);
    CHECK(path.a.out.trains[0].one_source_port == main_port);
    path.a.flush();
  }
}

TEST_CASE("swift: path size: a probe stands alone between trains, and order is kept") {
  Path path(1500);
  const Shape shape{.payload = 5000};
  const Bytes frame = partial_frame(shape);
  path.a.capture(frame, gso_header(shape, frame, 1000));
  path.a.forwarder.on_probe(path.a.tunnel_to(path.b).index, {}, path.a.out);
  path.a.capture(frame, gso_header(shape, frame, 1000));
  const auto sent = path.a.flush();
  CHECK(path.a.trains == 3);
  REQUIRE(sent.size() == 11);
  for (std::size_t i = 0; i < sent.size(); ++i)
    CHECK(load_u64(ByteView(sent[i].second.bytes).subspan(8)) == i);
}

}  // namespace
}  // namespace weft::test
