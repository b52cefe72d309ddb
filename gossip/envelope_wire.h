// SPDX-License-Identifier: Apache-2.0
// The envelope of channel data (tags 4, 5 and 6): gob singletons in one stream.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/peer_name.h"

namespace weft::gossip {

// Tag 4 (gossip): `source` is the neighbour that sent this hop. Tag 6 (broadcast): the originator.
struct Envelope {
  std::string channel;
  PeerName source;
  Bytes payload;
};

// Tag 5: relayed unchanged towards `destination`.
struct UnicastEnvelope {
  std::string channel;
  PeerName source;
  PeerName destination;
  Bytes payload;
};

inline constexpr std::size_t kChannelNameMax = 256;

Result<Envelope> parse_envelope(ByteView in);
Bytes write_envelope(std::string_view channel, PeerName source, ByteView payload);
Result<UnicastEnvelope> parse_unicast_envelope(ByteView in);
Bytes write_unicast_envelope(std::string_view channel, PeerName source, PeerName destination,
                             ByteView payload);

}  // namespace weft::gossip
