// SPDX-License-Identifier: Apache-2.0
// What the mesh node asks of the world, as values, to be carried out in order. The driver moves
// bytes and resolves names; the composition (peer) handles channel messages and overlay events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/peer_name.h"
#include "crypto/session_key.h"
#include "gossip/link_id.h"

namespace weft::gossip {

// The data carried by gossip for one subject. The text on the wire is in to_string(channel).
enum class Channel : std::uint8_t { topology, ipam, nameserver };

struct Dial {  // open TCP to `to`; answer with on_dialled or on_dial_failed
  LinkId link;
  Endpoint to;
};
struct Resolve {  // look the host name up; answer with on_resolved
  std::string host;
};
struct Send {  // append to the stream
  LinkId link;
  Bytes bytes;
};
struct Close {  // flush what was sent, briefly, and close; the node has already forgotten the link
  LinkId link;
};
// The connection to `peer` is in our table; the data plane may use it from now on.
struct LinkReady {
  LinkId link;
  PeerName peer;
  std::string nickname;
  std::uint64_t conn_uid = 0;  // the same number on both sides
  bool outbound = false;       // we dialled
  Endpoint local;
  Endpoint remote;  // of the TCP connection
  // The key for overlay traffic: absent without a password and on links both ends trust.
  std::optional<crypto::SessionKey> overlay_key;
  std::vector<std::string> overlays;  // the peer's, most preferred first; empty: compatibility mode
};
struct LinkGone {
  LinkId link;
  PeerName peer;
};
struct OverlayControl {  // tag 7 (and 1..3 in compatibility mode, as index-less): for the overlay
  LinkId link;
  Bytes payload;  // what follows the tag byte
};
struct RoutesChanged {};
struct PeerGone {  // garbage-collected from the topology
  PeerName peer;
};
enum class Delivery : std::uint8_t { gossip, broadcast, unicast };
struct ChannelMessage {  // for the owner of the channel; answer errors with on_channel_error
  LinkId link;
  Channel channel = Channel::ipam;
  Delivery delivery = Delivery::gossip;
  PeerName source;  // gossip: the neighbour; else the originator
  Bytes payload;
};
struct TargetsChanged {};  // the list of direct peers changed: persist it

using Effect = std::variant<Dial, Resolve, Send, Close, LinkReady, LinkGone, OverlayControl,
                            RoutesChanged, PeerGone, ChannelMessage, TargetsChanged, LogLine>;
using Effects = std::vector<Effect>;

}  // namespace weft::gossip
