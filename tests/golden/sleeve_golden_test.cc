// SPDX-License-Identifier: Apache-2.0
// Sleeve datagrams and frames as Weave's own code made them, in both directions.
#include "router/overlay/forwarding.h"
#include "router/packet/fragment.h"
#include "router/packet/headers.h"
#include "router/packet/icmp.h"
#include "router/sleeve/tunnel.h"
#include "tests/golden/golden.h"

using namespace weft;
using nlohmann::json;

namespace {

PeerName name_of(const json& hexed) {
  return PeerName::from_bytes(golden::hex(hexed));
}

crypto::SessionKey key_of(const json& hexed) {
  const Bytes bytes = golden::hex(hexed);
  REQUIRE(bytes.size() == 32);
  return crypto::SessionKey(crypto::Secret<32>(std::span<const Byte, 32>(bytes.data(), 32)));
}

// "plain", "encrypted outbound DF", "encrypted inbound non-DF", …
struct Kind {
  explicit Kind(const std::string& what)
      : sealed(what.starts_with("encrypted")),
        outbound(what.find("outbound") != std::string::npos),
        path(what.find("non-DF") == std::string::npos ? sleeve::Path::df : sleeve::Path::non_df) {}
  bool sealed;
  bool outbound;
  sleeve::Path path;
};

// Both ends of a link as the vectors describe it.
struct Ends {
  Ends(const json& vectors, const Kind& kind)
      : sender(name_of(vectors["sender_name"])),
        receiver(name_of(vectors["dst_name"])),
        outbox(sender, kind.sealed
                           ? std::optional(crypto::FrameBox(key_of(vectors["key"]), kind.outbound))
                           : std::nullopt),
        tunnel({.us = receiver,
                .them = sender,
                .outbound = !kind.outbound,
                .key = kind.sealed ? std::optional(key_of(vectors["key"])) : std::nullopt}) {
    effects.arena.bind(memory, used);
    outbox.set_remote({Ipv4Addr{1}, 6783}, effects);
  }
  PeerName sender;
  PeerName receiver;
  Bytes memory;
  std::size_t used = 0;
  sleeve::Effects effects;
  sleeve::Outbox outbox;
  sleeve::Tunnel tunnel;
};

void check_packet(Ends& ends, const Kind& kind, const json& packet) {
  golden::require_known(packet, {"frames", "total_len_before_bytes", "udp_payload"});
  CAPTURE(packet.dump());
  const Bytes expected = golden::hex(packet["udp_payload"]);
  for (const auto& frame : packet["frames"]) {
    const Bytes bytes = golden::hex(frame);
    const auto room =
        ends.outbox.add(kind.path, {ends.sender, ends.receiver}, bytes.size(), ends.effects);
    REQUIRE(room.has_value());
    std::ranges::copy(bytes, room->begin());
  }
  ends.outbox.flush(ends.effects);
  REQUIRE(ends.effects.datagrams.size() == 1);
  const auto datagram = ends.effects.datagrams[0];
  ends.effects.datagrams.clear();
  CHECK(datagram.df == (kind.path == sleeve::Path::df));
  CHECK(datagram.size == packet["total_len_before_bytes"].get<std::size_t>());
  CHECK(to_hex(ends.effects.arena.at(datagram.offset, datagram.size)) == to_hex(expected));

  Bytes received = expected;
  CHECK(sleeve::parse_sender(received) == ends.sender);
  ByteView plain;
  REQUIRE(ends.tunnel.open(received, plain) == sleeve::Opened::ok);
  sleeve::FrameReader reader(plain);
  for (const auto& frame : packet["frames"]) {
    const auto got = reader.next();
    REQUIRE(got.has_value());
    CHECK(got->source == ends.sender);
    CHECK(got->destination == ends.receiver);
    CHECK(to_hex(got->bytes) == frame.get<std::string>());
  }
  CHECK_FALSE(reader.next().has_value());
  CHECK_FALSE(reader.malformed());
}

// How a datagram with this after the sender's name is received: true if some of it is refused.
bool refused(const json& vectors, bool sealed, const Bytes& payload) {
  Ends ends(vectors, Kind(sealed ? "encrypted outbound DF" : "plain"));
  Bytes datagram;
  Writer(datagram).u48(ends.sender.value()).bytes(payload);
  ByteView plain;
  if (ends.tunnel.open(datagram, plain) != sleeve::Opened::ok) return true;
  sleeve::FrameReader reader(plain);
  while (reader.next()) {
  }
  return reader.malformed();
}

void check_fragments(const json& cases) {
  for (const auto& c : cases) {
    golden::require_known(c, {"in", "mtu", "out"});
    CAPTURE(c["mtu"].dump());
    const Bytes in = golden::hex(c["in"]);
    auto pieces = packet::Ipv4Fragmenter::make(in, c["mtu"].get<std::size_t>());
    REQUIRE(pieces.has_value());
    for (const auto& out : c["out"]) {
      Bytes piece(pieces->next_size());
      REQUIRE_FALSE(piece.empty());
      pieces->write_next(piece);
      CHECK(to_hex(piece) == out.get<std::string>());
    }
    CHECK(pieces->next_size() == 0);
  }
}

}  // namespace

TEST_CASE("golden: sleeve packets: datagrams agree with Weave, written and read") {
  auto vectors = golden::load("sleeve_packets.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"bad_packets", "cases", "dst_name", "key", "layout", "overheads",
                                   "replay", "sender_name"});
  for (const auto& c : (*vectors)["cases"]) {
    golden::require_known(c, {"packets", "what"});
    CAPTURE(c["what"].dump());
    const Kind kind(c["what"].get<std::string>());
    Ends ends(*vectors, kind);
    for (const auto& packet : c["packets"])
      check_packet(ends, kind, packet);
  }
}

TEST_CASE("golden: sleeve packets: what Weave refuses is refused") {
  auto vectors = golden::load("sleeve_packets.json");
  if (!vectors) return;
  for (const auto& c : (*vectors)["bad_packets"]) {
    golden::require_known(c, {"encrypted_error", "payload_after_name", "plain_error"});
    CAPTURE(c.dump());
    const Bytes payload = golden::hex(c["payload_after_name"]);
    if (c.contains("plain_error")) CHECK(refused(*vectors, false, payload));
    if (c.contains("encrypted_error")) CHECK(refused(*vectors, true, payload));
  }
}

TEST_CASE("golden: sleeve packets: overheads and the MTU they leave agree with Weave") {
  auto vectors = golden::load("sleeve_packets.json");
  if (!vectors) return;
  for (const auto& item : (*vectors)["overheads"].items()) {
    const std::string& what = item.key();
    const json& o = item.value();
    golden::require_known(o, {"frame_overhead", "mtu_on_1500_underlay",
                              "overhead_df_with_ip_udp_ethernet", "packet_overhead"});
    CAPTURE(what);
    const std::size_t packet_overhead =
        what == "encrypted" ? sleeve::kSealedOverhead : sleeve::kPlainOverhead;
    CHECK(o["packet_overhead"].get<std::size_t>() == packet_overhead);
    CHECK(o["frame_overhead"].get<std::size_t>() == sleeve::kFrameHeaderSize);
    CHECK(o["overhead_df_with_ip_udp_ethernet"].get<std::size_t>() ==
          sleeve::kIpUdpOverhead + packet_overhead + sleeve::kFrameHeaderSize +
              sleeve::kEthernetSize);
    sleeve::PathMtu path_mtu(packet_overhead);
    path_mtu.on_path_mtu(TimePoint{}, 1500);
    CHECK(path_mtu.mtu() == o["mtu_on_1500_underlay"].get<int>());
  }
}

TEST_CASE("golden: sleeve packets: a replayed datagram is dropped") {
  auto vectors = golden::load("sleeve_packets.json");
  if (!vectors) return;
  const auto& replay = (*vectors)["replay"];
  if (replay.is_null()) return;
  golden::require_known(replay, {"first_error", "frames_delivered", "note", "second_error"});
  for (const auto& c : (*vectors)["cases"]) {
    const Kind kind(c["what"].get<std::string>());
    if (!kind.sealed) continue;
    Ends ends(*vectors, kind);
    for (const auto& packet : c["packets"]) {
      Bytes first = golden::hex(packet["udp_payload"]);
      Bytes second = first;
      ByteView plain;
      CHECK(ends.tunnel.open(first, plain) == sleeve::Opened::ok);
      CHECK(ends.tunnel.open(second, plain) == sleeve::Opened::replayed);
    }
  }
}

TEST_CASE("golden: sleeve frames: special and DF frames are told apart as Weave does") {
  auto vectors = golden::load("sleeve_frames.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"classify", "frag_needed", "fragment", "fragment_of_fragment",
                                   "special_frame_sizes"});
  for (const auto& c : (*vectors)["classify"]) {
    golden::require_known(c, {"df", "frame", "layers", "special"});
    CAPTURE(c.dump());
    const Bytes frame = golden::hex(c["frame"]);
    const auto layers = packet::parse_layers(frame);
    const bool ipv4 = layers && layers->network == packet::Network::ipv4 && layers->vlan_tags == 0;
    CHECK(overlay::is_special(frame) == c["special"].get<bool>());
    CHECK((ipv4 && layers->dont_fragment) == c["df"].get<bool>());
    CHECK((!layers ? 0 : ipv4 ? 2 : 1) == c["layers"].get<int>());
  }
}

TEST_CASE("golden: sleeve frames: fragments and fragments of fragments agree with Weave") {
  auto vectors = golden::load("sleeve_frames.json");
  if (!vectors) return;
  check_fragments((*vectors)["fragment"]);
  check_fragments((*vectors)["fragment_of_fragment"]);
}

TEST_CASE("golden: sleeve frames: the answer to a frame too big agrees with Weave") {
  auto vectors = golden::load("sleeve_frames.json");
  if (!vectors) return;
  for (const auto& c : (*vectors)["frag_needed"]) {
    golden::require_known(c, {"in", "mtu", "out"});
    packet::IcmpFrame answer;
    REQUIRE(packet::answer_too_big(golden::hex(c["in"]), c["mtu"].get<std::size_t>(), answer));
    CHECK(to_hex(answer.view()) == c["out"].get<std::string>());
  }
}

TEST_CASE("golden: sleeve frames: the sizes of special frames agree with Weave") {
  auto vectors = golden::load("sleeve_frames.json");
  if (!vectors) return;
  const auto& sizes = (*vectors)["special_frame_sizes"];
  if (sizes.is_null()) return;
  golden::require_known(sizes, {"frag_test", "heartbeat", "mtu_test", "pmtu_probe_trigger"});
  CHECK(sizes["heartbeat"].get<std::size_t>() == sleeve::kHeartbeatSize);
  CHECK(sizes["frag_test"].get<std::size_t>() == sleeve::kFragmentationTestSize);
  CHECK(sizes["pmtu_probe_trigger"].get<std::size_t>() == sleeve::kPathMtuProbeSize);
}
