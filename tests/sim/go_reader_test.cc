// SPDX-License-Identifier: Apache-2.0
// The reader must complain of what harms Weave, or its silence in the histories means nothing.
#include "tests/sim/go_reader.h"

#include <doctest/doctest.h>

#include "gossip/envelope_wire.h"
#include "gossip/features_wire.h"
#include "ipam-crdt/range_wire.h"

using namespace weft;
using namespace weft::sim;

namespace {

constexpr PeerName kUs = PeerName::from_u48(0x7a0000000001);
constexpr PeerName kThem = PeerName::from_u48(0x7a0000000002);

Bytes frame(const Bytes& message) {
  Bytes out;
  Writer(out).u32(static_cast<std::uint32_t>(message.size())).bytes(message);
  return out;
}

Bytes tagged(std::uint8_t tag, ByteView payload) {
  Bytes out;
  Writer(out).u8(tag).bytes(payload);
  return frame(out);
}

gossip::FeatureMap features() {
  return {{"PeerNameFlavour", "mac"},
          {"Name", kUs.text()},
          {"NickName", ""},
          {"UID", "1"},
          {"ConnID", "2"},
          {"ShortID", "4095"}};
}

GoReader opened(const gossip::FeatureMap& map = features()) {
  GoReader reader;
  Bytes opening;
  Writer(opening).bytes(as_bytes("weave")).u8(1).u8(2).u8(0);
  reader.feed(opening);
  reader.feed(frame(gossip::write_features(map)));
  return reader;
}

Bytes unicast(const Bytes& payload) {
  return tagged(5, gossip::write_unicast_envelope("IPallocation", kUs, kThem, payload));
}

}  // namespace

TEST_CASE("go reader: what Weave takes: passes, in any pieces") {
  GoReader reader = opened();
  const Bytes good = unicast(ipam::write_space_request({Ipv4Addr{10}, Ipv4Addr{20}}));
  for (const Byte byte : good)
    reader.feed(ByteView(&byte, 1));
  reader.feed(tagged(7, Bytes(2)));
  reader.feed(tagged(200, Bytes(9)));
  CHECK(reader.breach().empty());
}

TEST_CASE("go reader: what harms Weave: is named") {
  const std::vector<Bytes> harmful = {
      unicast({}),
      unicast({Byte{9}, Byte{1}}),
      unicast({Byte{0}}),
      tagged(7, Bytes(1)),
      tagged(4, Bytes(3)),
      tagged(4, gossip::write_envelope("topology", kUs, Bytes(5))),
      tagged(6, gossip::write_envelope("IPallocation", kUs, Bytes(5))),
      Bytes(4, Byte{0xff}),
  };
  for (const Bytes& bytes : harmful) {
    GoReader reader = opened();
    REQUIRE(reader.breach().empty());
    reader.feed(bytes);
    CHECK_FALSE(reader.breach().empty());
  }
  auto map = features();
  map["ShortID"] = "4096";
  CHECK_FALSE(opened(map).breach().empty());
  map.erase("ShortID");
  map.erase("UID");
  CHECK_FALSE(opened(map).breach().empty());
}
