// SPDX-License-Identifier: Apache-2.0
// Datagrams that real Weave routers sent each other: each is opened, taken apart, and built again
// to the same bytes.
#include "base/text.h"
#include "router/overlay/forwarding.h"
#include "router/sleeve/tunnel.h"
#include "tests/golden/golden.h"

using namespace weft;
using nlohmann::json;

namespace {

struct Recorded {
  explicit Recorded(const json& c)
      : datagram(golden::hex(c["datagram"])), sealed(c["what"] == "encrypted") {
    golden::require_known(
        c, {"datagram", "dialler", "df", "frames", "key", "sender", "sequence", "what"});
    if (!sealed) return;
    const Bytes bytes = golden::hex(c["key"]);
    REQUIRE(bytes.size() == 32);
    key.emplace(crypto::Secret<32>(std::span<const Byte, 32>(bytes.data(), 32)));
    dialler = c["dialler"].get<bool>();
    const auto number = parse_u64(c["sequence"].get<std::string>());
    REQUIRE(number.has_value());
    sequence = *number | (c["df"].get<bool>() ? sleeve::kDfBit : 0);
  }
  Bytes datagram;
  bool sealed;
  std::optional<crypto::SessionKey> key;
  bool dialler = false;
  std::uint64_t sequence = 0;
};

std::string kind_of(ByteView frame) {
  if (!overlay::is_special(frame)) return "data";
  if (frame.size() == sleeve::kHeartbeatSize) return "heartbeat";
  return frame.size() == sleeve::kFragmentationTestSize ? "frag test" : "mtu test";
}

void check_frame(const sleeve::Frame& frame, const json& expected) {
  golden::require_known(expected, {"conn_uid", "dst", "hex", "kind", "len", "mtu", "src"});
  CHECK(frame.source.text() == expected["src"].get<std::string>());
  CHECK(frame.destination.text() == expected["dst"].get<std::string>());
  CHECK(frame.bytes.size() == expected["len"].get<std::size_t>());
  CHECK(kind_of(frame.bytes) == expected["kind"].get<std::string>());
  if (expected.contains("hex")) CHECK(to_hex(frame.bytes) == expected["hex"].get<std::string>());
  if (expected.contains("mtu")) {
    CHECK(frame.bytes.size() - sleeve::kEthernetSize == expected["mtu"].get<std::size_t>());
  }
  if (expected.contains("conn_uid")) {
    CHECK(std::to_string(load_u64(frame.bytes.subspan(sleeve::kEthernetSize))) ==
          expected["conn_uid"].get<std::string>());
  }
}

// The same datagram made by hand: the outbox numbers from 0, a recording begins anywhere.
Bytes rebuilt(const Recorded& recorded, PeerName sender, ByteView plain) {
  Bytes out;
  Writer w(out);
  w.u48(sender.value());
  if (recorded.sealed) w.u64(recorded.sequence).zeros(sleeve::kTagSize);
  sleeve::FrameReader reader(plain);
  while (const auto frame = reader.next()) {
    std::array<Byte, sleeve::kFrameHeaderSize> header{};
    sleeve::write_frame_header(header, frame->source, frame->destination, frame->bytes.size());
    w.bytes(header).bytes(frame->bytes);
  }
  if (recorded.sealed) {
    crypto::FrameBox(*recorded.key, recorded.dialler)
        .seal(recorded.sequence,
              ByteSpan(out).subspan(sleeve::kSenderSize + sleeve::kSequenceSize));
  }
  return out;
}

}  // namespace

TEST_CASE("golden: sleeve recordings: every datagram is read, and written again, bit by bit") {
  const auto vectors = golden::load("sleeve_recorded.json");
  if (!vectors) return;
  golden::require_known(*vectors, {"datagrams"});
  for (const auto& c : (*vectors)["datagrams"]) {
    CAPTURE(c.dump().substr(0, 300));
    const Recorded recorded(c);
    Bytes bytes = recorded.datagram;
    const auto sender = sleeve::parse_sender(bytes);
    REQUIRE(sender.has_value());
    CHECK(sender->text() == c["sender"].get<std::string>());
    sleeve::Tunnel tunnel({.them = *sender, .outbound = !recorded.dialler, .key = recorded.key});
    ByteView plain;
    REQUIRE(tunnel.open(bytes, plain) == sleeve::Opened::ok);
    sleeve::FrameReader reader(plain);
    for (const auto& expected : c["frames"]) {
      const auto frame = reader.next();
      REQUIRE(frame.has_value());
      check_frame(*frame, expected);
    }
    CHECK_FALSE(reader.next().has_value());
    CHECK_FALSE(reader.malformed());
    CHECK(to_hex(rebuilt(recorded, *sender, plain)) == to_hex(recorded.datagram));
  }
}
