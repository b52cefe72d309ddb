// SPDX-License-Identifier: Apache-2.0
// Which way an ordinary frame is sent: whole with DF, whole without, or in fragments.
#include <algorithm>

#include "router/packet/fragment.h"
#include "router/packet/headers.h"
#include "router/packet/icmp.h"
#include "router/sleeve/tunnel.h"

namespace weft::sleeve {

Sent Tunnel::send(const Frame& frame, SendOptions options, Effects& out) {
  if (!alive_) return Sent::dead;
  if (!outbox_.remote()) return Sent::no_address;
  const auto layers = packet::parse_layers(frame.bytes);
  const auto network = layers && layers->vlan_tags == 0 ? layers->network : packet::Network::other;
  const bool fits = frame.bytes.size() <= static_cast<std::size_t>(mtu()) + kEthernetSize;
  switch (network) {
    case packet::Network::other:
      return send_whole(Path::non_df, frame, out);
    case packet::Network::ipv4:
      break;
    case packet::Network::ipv6:
      // IPv6 may count on 1,280 bytes: a narrower path, or a flood nobody can be told about, is
      // left to fragments of the outer packet.
      if (fits) return send_whole(Path::df, frame, out);
      if (options.flood || mtu() < static_cast<int>(packet::kIpv6MtuMin)) {
        return send_whole(Path::non_df, frame, out);
      }
      return Sent::must_not_split;
  }
  if (layers->dont_fragment) {
    if (fits) return send_whole(Path::df, frame, out);
    return options.flood ? Sent::too_big : Sent::must_not_split;
  }
  if (stack_fragments_) return send_whole(Path::non_df, frame, out);
  return fits ? send_whole(Path::df, frame, out) : send_fragments(frame, out);
}

Sent Tunnel::send_whole(Path path, const Frame& frame, Effects& out) {
  const auto room = outbox_.add(path, {frame.source, frame.destination}, frame.bytes.size(), out);
  if (!room) return Sent::too_big;
  std::ranges::copy(frame.bytes, room->begin());
  return Sent::queued;
}

Sent Tunnel::send_fragments(const Frame& frame, Effects& out) {
  auto pieces = packet::Ipv4Fragmenter::make(frame.bytes, static_cast<std::size_t>(mtu()));
  if (!pieces) return Sent::too_big;
  while (const std::size_t size = pieces->next_size()) {
    const auto room = outbox_.add(Path::df, {frame.source, frame.destination}, size, out);
    if (!room) return Sent::too_big;
    pieces->write_next(*room);
  }
  return Sent::queued;
}

}  // namespace weft::sleeve
