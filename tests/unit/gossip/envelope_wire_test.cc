// SPDX-License-Identifier: Apache-2.0
#include "gossip/envelope_wire.h"

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;

namespace {

constexpr auto kSource = PeerName::from_u48(0x7a9febb60c6e);
constexpr std::string_view kGossipHex =
    "0b0c0008746f706f6c6f6779090600fa7a9febb60c6e060a0003010203";
constexpr std::string_view kUnicastHex =
    "0f0c000c4950616c6c6f636174696f6e090600fa7a9febb60c6e03060002060a0003000102";

}  // namespace

TEST_CASE("envelope: verified vectors: gossip and unicast are read and written to the byte") {
  auto gossip = parse_envelope(*from_hex(kGossipHex));
  REQUIRE(gossip.has_value());
  CHECK(gossip->channel == "topology");
  CHECK(gossip->source == kSource);
  CHECK(to_hex(gossip->payload) == "010203");
  CHECK(to_hex(write_envelope(gossip->channel, gossip->source, gossip->payload)) == kGossipHex);

  auto unicast = parse_unicast_envelope(*from_hex(kUnicastHex));
  REQUIRE(unicast.has_value());
  CHECK(unicast->channel == "IPallocation");
  CHECK(unicast->source == kSource);
  CHECK(unicast->destination == PeerName::from_u48(2));
  CHECK(to_hex(unicast->payload) == "000102");
  CHECK(to_hex(write_unicast_envelope(unicast->channel, unicast->source, unicast->destination,
                                      unicast->payload)) == kUnicastHex);
}

TEST_CASE("envelope: shape: a unicast is not a gossip, and prefixes are neither") {
  Bytes gossip = *from_hex(kGossipHex);
  Bytes unicast = *from_hex(kUnicastHex);
  CHECK_FALSE(parse_envelope(unicast).has_value());
  CHECK_FALSE(parse_unicast_envelope(gossip).has_value());
  for (std::size_t n = 0; n < gossip.size(); ++n) {
    CHECK_FALSE(parse_envelope(ByteView(gossip).first(n)).has_value());
  }
  for (std::size_t n = 0; n < unicast.size(); ++n) {
    CHECK_FALSE(parse_unicast_envelope(ByteView(unicast).first(n)).has_value());
  }
}

TEST_CASE("envelope: limits: long channel names and names beyond 48 bits are refused") {
  std::string name(kChannelNameMax, 'c');
  CHECK(parse_envelope(write_envelope(name, kSource, {})).has_value());
  name += 'c';
  CHECK(parse_envelope(write_envelope(name, kSource, {})).error().code == Errc::too_large);
  // 2^48 as the source.
  CHECK(parse_envelope(*from_hex("040c00017803060001030a0000")).has_value());
  CHECK(parse_envelope(*from_hex("040c0001780a0600f901000000000000030a0000")).error().code ==
        Errc::bad_value);
}

TEST_CASE("envelope: definitions: a stream of built-in values has no business with types") {
  Bytes in = *from_hex("0eff81040102ff8200010c010c0000");
  append(in, *from_hex(kGossipHex));
  CHECK(parse_envelope(in).error().code == Errc::too_large);
}
