// SPDX-License-Identifier: Apache-2.0
// What operators see of the mesh: plain values, from which the daemon makes texts and JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/peer_name.h"
#include "base/time_point.h"
#include "gossip/link_id.h"

namespace weft::gossip {

struct ConnectionSummary {  // one connection of one peer, as the topology knows it
  PeerName peer;
  std::string nickname;
  std::string address;  // the remote end, "ip:port", as the reporting peer sees it
  bool outbound = false;
  bool established = false;
};

struct PeerStatus {
  PeerName name;
  std::string nickname;
  PeerUid uid;
  std::uint64_t version = 0;
  std::optional<ShortId> short_id;
  std::vector<ConnectionSummary> connections;
};

// Weave's words for the state of a link or of a target that is not connected.
enum class LinkState : std::uint8_t {
  established,
  pending,  // introduced, but no overlay carries data both ways yet
  waiting,
  failed,
  connecting,
  retrying,
};
std::string_view to_string(LinkState state);

struct LinkStatus {
  std::optional<LinkId> link;  // set for live connections: the overlay adds its attributes
  bool outbound = false;
  Endpoint address;
  LinkState state = LinkState::pending;
  PeerName peer;  // of a live connection
  std::string nickname;
  bool encrypted = false;          // the overlay's traffic on this link
  std::string error;               // why the last attempt failed
  std::string target;              // as the operator gave it, if it is a direct target
  std::optional<TimePoint> retry;  // of a failed or waiting target
  bool retry_never = false;        // ourselves, or a name collision
  std::uint64_t attempts = 0;
};

// How much the node holds of what peers and time can make it hold.
struct NodeLoad {
  std::size_t links = 0;  // those being dialled or introduced included
  std::size_t connections = 0;
  std::size_t peers = 0;  // in the topology
  std::size_t discovered = 0;
  std::size_t candidates = 0;  // addresses the connector knows
  std::size_t failed_inbound = 0;
  std::size_t pending_news = 0;  // kinds of news that wait for one neighbour, at most
  std::size_t unsent_bytes = 0;  // that one neighbour has not taken, at most
  std::size_t relays = 0;        // changed peers that others are to be told of
  std::size_t own_news = 0;      // peers our next update is about
  std::size_t remembered = 0;    // places where neighbours were
  std::size_t digests = 0;       // of gossip that was relayed for strangers
};

struct MeshStatus {
  PeerName name;
  std::string nickname;
  std::uint16_t port = 0;
  bool encrypted = false;
  bool discovery = false;
  std::size_t conn_limit = 0;
  std::vector<PeerStatus> peers;  // ourselves first
  std::vector<LinkStatus> links;
  std::uint64_t termination_count = 0;
  std::vector<std::string> targets;
  std::vector<Cidr> trusted_subnets;
  // Two hosts that share a name, ours or another peer's: who and where they are, and the cure.
  std::optional<std::string> name_collision;
  PeerName colliding_name{};  // that name, while there is a collision
};

}  // namespace weft::gossip
