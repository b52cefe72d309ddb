// SPDX-License-Identifier: Apache-2.0
// The mesh node: everything that gossip decides, as one deterministic machine. It accepts and dials
// links, introduces itself, keeps the topology and the routes, relays gossip and chooses whom to
// connect to. The driver feeds it bytes and deadlines and carries out its effects. No sockets, no
// clock, no randomness of its own.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/rng.h"
#include "base/time_point.h"
#include "crypto/secret.h"
#include "gossip/effects.h"
#include "gossip/status.h"

namespace weft::gossip {

struct NodeConfig {
  PeerName name;
  std::string nickname;
  PeerUid uid;                               // random, new at every start
  std::optional<crypto::Password> password;  // none: nothing is encrypted
  std::uint16_t port = 6783;                 // control port, and the default of targets
  std::size_t conn_limit = 200;              // in + out; 0: none
  bool discovery = true;
  std::vector<Cidr> trusted_subnets;
  std::vector<std::string> overlays{"sleeve"};  // ours, most preferred first
  bool delta_gossip = true;                     // tell differences to peers that understand them
};

// What the node needs to know of the channels it carries but does not own. Read-only: it is called
// when a pending message is encoded, so that the newest state goes out.
class ChannelStates {
 public:
  ChannelStates() = default;
  ChannelStates(const ChannelStates&) = delete;
  ChannelStates& operator=(const ChannelStates&) = delete;
  virtual ~ChannelStates() = default;
  // Whether we own this channel. What nobody owns is relayed by a surrogate.
  virtual bool owns(Channel channel) const = 0;
  // The complete state, or nothing to say.
  virtual std::optional<Bytes> state(TimePoint now, Channel channel) const = 0;
  // A hash that is equal where states are; nothing if there is none, and states are always sent.
  virtual std::optional<std::uint64_t> hash(TimePoint, Channel) const { return std::nullopt; }
};

class Node {
 public:
  // `rng` and `channels` outlive the node.
  Node(NodeConfig config, Rng& rng, const ChannelStates& channels);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  // Links. on_accept returns nothing (and the driver closes) when the accept rate is exceeded.
  std::optional<LinkId> on_accept(TimePoint now, Endpoint local, Endpoint remote, Effects& out);
  void on_dialled(TimePoint now, LinkId link, Endpoint local, Effects& out);
  void on_dial_failed(TimePoint now, LinkId link, std::string_view reason, Effects& out);
  void on_bytes(TimePoint now, LinkId link, ByteView bytes, Effects& out);
  // Everything sent on the link has left for the kernel: more may be encoded.
  void on_drained(TimePoint now, LinkId link, Effects& out);
  void on_closed(TimePoint now, LinkId link, std::string_view reason, Effects& out);
  void on_resolved(TimePoint now, std::string_view host, std::vector<Ipv4Addr> addresses,
                   std::string_view error, Effects& out);

  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const;

  // The overlay's word on a link it was told of by LinkReady.
  void on_overlay_established(TimePoint now, LinkId link, Effects& out);
  void on_overlay_failed(TimePoint now, LinkId link, std::string_view reason, Effects& out);
  void send_overlay_control(TimePoint now, LinkId link, ByteView payload, Effects& out);

  // Channels owned by the composition.
  void broadcast(TimePoint now, Channel channel, Effects& out);  // our state, to all
  // Relays what a broadcast of `origin` made of our state along its tree.
  void relay_broadcast(TimePoint now, Channel channel, PeerName origin, Effects& out);
  // False if there is no route to `destination`.
  bool unicast(TimePoint now, Channel channel, PeerName destination, ByteView payload,
               Effects& out);
  // The owner refused a message: the link is closed with this reason, as in Weave.
  void on_channel_error(TimePoint now, LinkId link, std::string_view reason, Effects& out);

  // Operator. Targets are "host[:port]" strings; each is checked and the bad ones are named.
  Result<> connect(TimePoint now, const std::vector<std::string>& targets, bool replace,
                   Effects& out);
  void forget(TimePoint now, const std::vector<std::string>& targets, Effects& out);
  const std::vector<std::string>& targets() const;

  // Views; references stay valid until the next non-const call.
  PeerName name() const;
  bool knows(PeerName peer) const;
  std::optional<std::string> nickname(PeerName peer) const;
  // Direct targets that are not marked "never retry", for the quorum guess.
  std::size_t active_target_count() const;
  // Next hop on established and symmetric links; nothing if there is no such route.
  const std::map<PeerName, PeerName>& unicast_routes() const;
  std::vector<PeerName> broadcast_hops(PeerName origin) const;  // established and symmetric
  const std::map<PeerName, std::vector<PeerName>>& broadcast_hops_of_all() const;  // by origin
  std::vector<PeerName> known_peers() const;  // ourselves included, sorted
  bool reachable(PeerName peer) const;        // by gossip: a route over any links
  // Equal where two peers know the same versions of the same peers.
  std::uint64_t topology_hash() const;
  MeshStatus status(TimePoint now) const;
  NodeLoad load() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weft::gossip
