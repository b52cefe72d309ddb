// SPDX-License-Identifier: Apache-2.0
// What is read as an envelope is the same after being written and read again.
#include "base/ensure.h"
#include "gossip/envelope_wire.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::gossip;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView in = fuzz::view(data, size);
  if (auto a = parse_envelope(in)) {
    ensure(a->channel.size() <= kChannelNameMax, "a long channel name");
    auto b = parse_envelope(write_envelope(a->channel, a->source, a->payload));
    ensure(b.has_value() && b->channel == a->channel && b->source == a->source &&
               b->payload == a->payload,
           "an envelope changes when written");
  }
  if (auto a = parse_unicast_envelope(in)) {
    ensure(a->channel.size() <= kChannelNameMax, "a long channel name");
    auto b = parse_unicast_envelope(
        write_unicast_envelope(a->channel, a->source, a->destination, a->payload));
    ensure(b.has_value() && b->channel == a->channel && b->source == a->source &&
               b->destination == a->destination && b->payload == a->payload,
           "a unicast envelope changes when written");
  }
  return 0;
}
