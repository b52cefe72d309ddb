// SPDX-License-Identifier: Apache-2.0
#include "gossip/topology_wire.h"

#include <doctest/doctest.h>

#include "base/rng.h"
#include "gossip/envelope_wire.h"

using namespace weft;
using namespace weft::gossip;

namespace {

constexpr std::string_view kPeerDefinition =
    "62ff810301010b7065657253756d6d61727901ff8200010601084e616d6542797465010a0001084e69636b4e616d65"
    "010c000103554944010600010756657273696f6e010600010753686f72744944010600010a48617353686f72744944"
    "0102000000";
// The two-peer payload of a foreign encoder: ids 101-103, other names, one field nobody knows.
constexpr std::string_view kForeign =
    "64ffc903010102505301ffca00010701084e616d6542797465010a0001084e69636b4e616d65010c00010355494401"
    "0600010756657273696f6e010600010753686f72744944010600010a48617353686f72744944010200010646757475"
    "7265010c00000020ffca01067a9febb60c6e0103637070016301fe012c01fe0123010101027a7a000dffcd020102ff"
    "ce0001ffcc00004cffcb03010102435301ffcc00010401084e616d6542797465010a00010d52656d6f746554435041"
    "646472010c0001084f7574626f756e64010200010b45737461626c6973686564010200000020ffce00010106000000"
    "000002010d31302e302e302e323a3637383301010101000bffca01060000000000020004ffce0000";

PeerRecord host1() {
  return {.name = PeerName::from_u48(0x7a9febb60c6e),
          .nickname = "host1",
          .uid = PeerUid{0x1122334455667788},
          .version = 5,
          .short_id = ShortId::make(0x123),
          .connections = {{.peer = PeerName::from_u48(2),
                           .remote_address = "10.0.0.2:6783",
                           .outbound = true,
                           .established = true}}};
}

// A mesh in which everybody is connected to everybody.
std::vector<PeerRecord> full_mesh(std::uint64_t size) {
  std::vector<PeerRecord> peers;
  for (std::uint64_t i = 1; i <= size; ++i) {
    PeerRecord peer{.name = PeerName::from_u48(i), .nickname = "node", .uid = PeerUid{i * 77}};
    for (std::uint64_t k = 1; k <= size; ++k) {
      if (k == i) continue;
      peer.connections.push_back({.peer = PeerName::from_u48(k),
                                  .remote_address = "10.0.0." + std::to_string(k) + ":6783",
                                  .outbound = i < k,
                                  .established = (i + k) % 7 != 0});
    }
    peers.push_back(std::move(peer));
  }
  return peers;
}

std::string random_text(Rng& rng) {
  std::string text(rng.below(40), ' ');
  for (char& c : text)
    c = static_cast<char>(rng.below(256));
  return text;
}

std::vector<PeerRecord> random_mesh(Rng& rng) {
  std::vector<PeerRecord> peers(rng.below(6));
  for (PeerRecord& p : peers) {
    p.name = PeerName::from_u48(rng.next() >> rng.below(64));
    p.nickname = random_text(rng);
    p.uid = PeerUid{rng.next() >> rng.below(64)};
    p.version = rng.next() >> rng.below(64);
    if (rng.below(2) == 0) p.short_id = ShortId::make(rng.below(4096));
    p.connections.resize(rng.below(5));
    for (ConnectionRecord& c : p.connections) {
      c = {.peer = PeerName::from_u48(rng.next()),
           .remote_address = random_text(rng),
           .outbound = rng.below(2) == 0,
           .established = rng.below(2) == 0};
    }
  }
  return peers;
}

}  // namespace

TEST_CASE("topology: verified vectors: two peers are what a fresh Go process sends, to the byte") {
  std::vector<PeerRecord> peers{host1(),
                                {.name = PeerName::from_u48(2),
                                 .nickname = "host2",
                                 .uid = PeerUid{7},
                                 .short_id = ShortId::make(0)}};
  std::string expected(kPeerDefinition);
  expected +=
      "24ff8201067a9febb60c6e0105686f73743101f811223344556677880105"
      "01fe0123010100"
      "0dff85020102ff860001ff840000"
      "5bff8303010111636f6e6e656374696f6e53756d6d61727901ff8400010401084e616d6542797465010a00010d52"
      "656d6f746554435041646472010c0001084f7574626f756e64010200010b45737461626c69736865640102000000"
      "20ff8600010106000000000002010d31302e302e302e323a363738330101010100"
      "16ff8201060000000000020105686f7374320107030100"
      "04ff860000";
  CHECK(to_hex(write_topology(peers)) == expected);
  CHECK(parse_topology(*from_hex(expected)).value() == peers);
}

TEST_CASE("topology: foreign encodings: other ids, names and extra fields change nothing") {
  PeerRecord first{.name = PeerName::from_u48(0x7a9febb60c6e),
                   .nickname = "cpp",
                   .uid = PeerUid{99},
                   .version = 300,
                   .short_id = ShortId::make(0x123),
                   .connections = host1().connections};
  PeerRecord second{.name = PeerName::from_u48(2)};
  CHECK(parse_topology(*from_hex(kForeign)).value() == std::vector{first, second});

  std::string wrapped = "0b0c0008746f706f6c6f6779090600fa7a9febb60c6efe01180a00fe0113";
  auto envelope = parse_envelope(*from_hex(wrapped + std::string(kForeign)));
  REQUIRE(envelope.has_value());
  CHECK(envelope->channel == "topology");
  CHECK(parse_topology(envelope->payload).value() == std::vector{first, second});
}

TEST_CASE("topology: recorded session: the first gossip of a Weave router is read") {
  auto envelope = parse_envelope(*from_hex(
      "0b0c0008746f706f6c6f6779090600fa02000000000afe01400a00fe013b62ff830301010b7065657253756d6d61"
      "727901ff8400010601084e616d6542797465010a0001084e69636b4e616d65010c00010355494401060001075665"
      "7"
      "273696f6e010600010753686f72744944010600010a48617353686f72744944010200000024ff840106020000000"
      "0"
      "0a0105686f73744101f8e7760b4b9dc614a7010201fe0faf0101000dff87020102ff880001ff8600005bff850301"
      "0111636f6e6e656374696f6e53756d6d61727901ff8600010401084e616d6542797465010a00010d52656d6f7465"
      "54435041646472010c0001084f7574626f756e64010200010b45737461626c6973686564010200000020ff880001"
      "010602000000000b010f3132372e302e302e313a333735363602010022ff84010602000000000b0105686f737442"
      "01f8a48ec9cc6efac45f02fe044501010004ff880000"));
  REQUIRE(envelope.has_value());
  auto peers = parse_topology(envelope->payload);
  REQUIRE(peers.has_value());
  REQUIRE(peers->size() == 2);
  CHECK(peers->at(0).nickname == "hostA");
  CHECK(peers->at(0).version == 2);
  CHECK(peers->at(0).connections ==
        std::vector<ConnectionRecord>{{.peer = PeerName::from_u48(0x02000000000b),
                                       .remote_address = "127.0.0.1:37566",
                                       .established = true}});
  CHECK(peers->at(1).nickname == "hostB");
  CHECK(peers->at(1).short_id == ShortId::make(0x445));
}

TEST_CASE("topology: round trip: any records survive writing and reading") {
  SeededRng rng(11);
  for (int i = 0; i < 300; ++i) {
    auto peers = random_mesh(rng);
    CHECK(parse_topology(write_topology(peers)).value() == peers);
  }
}

TEST_CASE("topology: size: a full mesh of 300 peers is read back whole") {
  auto peers = full_mesh(300);
  Bytes wire = write_topology(peers);
  CHECK(wire.size() < (std::size_t{10} << 20));
  CHECK(parse_topology(wire).value() == peers);
}

TEST_CASE("topology: hostile input: no prefix and no single wrong byte makes it fail otherwise") {
  SeededRng rng(12);
  Bytes whole = write_topology({host1(), {.name = PeerName::from_u48(2), .nickname = "n"}});
  for (std::size_t n = 1; n < whole.size(); ++n)
    (void)parse_topology(ByteView(whole).first(n));
  for (int i = 0; i < 20'000; ++i) {
    Bytes bent = whole;
    bent[rng.below(bent.size())] = static_cast<Byte>(rng.below(256));
    (void)parse_topology(bent);
  }
  CHECK(parse_topology({}).value().empty());
}

TEST_CASE("topology: short ids: 13 to 16 bits count as none, more are refused") {
  auto with_short_id = [](std::string_view size, std::string_view value) {
    std::string hex(kPeerDefinition);
    hex += std::string(size) + "ff82010600000000000204" + std::string(value) + "0101";
    hex +=
        "000dff85020102ff860001ff8400005bff8303010111636f6e6e656374696f6e53756d6d61727901ff8400"
        "010401084e616d6542797465010a00010d52656d6f746554435041646472010c0001084f7574626f756e64"
        "010200010b45737461626c69736865640102000000"
        "04ff860000";
    return parse_topology(*from_hex(hex));
  };
  CHECK(with_short_id("11", "fe0fff").value().at(0).short_id == ShortId::make(0xfff));
  CHECK(with_short_id("11", "fe1000").value().at(0).short_id == std::nullopt);
  CHECK(with_short_id("11", "feffff").value().at(0).short_id == std::nullopt);
  CHECK_FALSE(with_short_id("12", "fd010000").has_value());
}

TEST_CASE("topology: limits: too many peers and too long texts are refused") {
  std::vector<PeerRecord> many(kPeersMax, PeerRecord{.name = PeerName::from_u48(1)});
  CHECK(parse_topology(write_topology(many)).has_value());
  many.push_back(many.front());
  CHECK(parse_topology(write_topology(many)).error().code == Errc::too_large);
  PeerRecord peer{.name = PeerName::from_u48(1), .nickname = std::string(kTextMax, 'n')};
  CHECK(parse_topology(write_topology({peer})).has_value());
  peer.nickname += 'n';
  CHECK(parse_topology(write_topology({peer})).error().code == Errc::too_large);
  peer = host1();
  peer.connections[0].remote_address = std::string(kTextMax + 1, '1');
  CHECK(parse_topology(write_topology({peer})).error().code == Errc::too_large);
}

TEST_CASE("topology: limits: a connection count beyond the limit is refused before it is read") {
  PeerRecord peer{.name = PeerName::from_u48(1)};
  peer.connections.resize(kConnectionsMax + 1);
  Bytes wire = write_topology({peer});
  CHECK(parse_topology(wire).error().code == Errc::too_large);
}
