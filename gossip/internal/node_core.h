// SPDX-License-Identifier: Apache-2.0
// The inside of the mesh node: its state and the steps of its events, spread over node_*.cc by
// subject. Every public event ends in finish(), where follow-up work is done once.
#pragma once

#include <deque>
#include <set>

#include "gossip/connector.h"
#include "gossip/envelope_wire.h"
#include "gossip/internal/peer_link.h"
#include "gossip/node.h"
#include "gossip/routes.h"
#include "gossip/surrogate.h"
#include "gossip/token_bucket.h"
#include "gossip/topology.h"

namespace weft::gossip {

// Periods and delays of Weave's mesh (docs/wire/gossip.md).
inline constexpr std::chrono::seconds kGossipInterval{30};
inline constexpr std::chrono::seconds kOwnUpdateDelay{1};
// How long records may be of no use (nobody we reach lists a connection to them) before they go.
// Weave waits one second, which is just what it takes until the relay in between tells of its own
// new connection: at the far end of a chain everything learnt was thrown away again, until the
// periodic gossip half a minute later. So every update pushes the collection out, and further.
inline constexpr std::chrono::seconds kCollectDelay{3};
inline constexpr std::chrono::milliseconds kRoutesDelay{100};
// Accepted connections: 20 at once, then one every 50 ms.
inline constexpr std::uint32_t kAcceptBurst = 20;
inline constexpr std::chrono::milliseconds kAcceptInterval{50};
// Bytes a neighbour may leave unread before unicasts for it are dropped, and before it is cut off.
inline constexpr std::size_t kUnsentDropAt = 8 * 1024 * 1024;
inline constexpr std::size_t kUnsentMax = 32 * 1024 * 1024;
// Gossip is encoded in batches of about this size; the rest merges until the stream has drained.
inline constexpr std::size_t kBatchSize = 256 * 1024;
// A topology is split into messages of about this size, well below the limit of a message.
inline constexpr std::size_t kTopologyMessageSize = 4 * 1024 * 1024;
// What is remembered of inbound links that failed.
inline constexpr std::size_t kFailedInboundMax = 16;
inline constexpr std::chrono::minutes kFailedInboundFor{5};
// A link that its peer closes so soon after the introduction was refused by it.
inline constexpr std::chrono::seconds kRefusedWithin{2};
// For how long a name collision is shown after it was last seen.
inline constexpr std::chrono::minutes kCollisionShownFor{10};

// Why a link ends.
struct LinkEnding {
  std::string reason;
  bool by_peer = false;      // the stream is gone already: there is nothing to close
  bool never_retry = false;  // ourselves, or a name collision
  bool ourselves = false;
  bool duplicate = false;  // the other of two connections survives: nobody need be told
};

class Node::Core {
 public:
  Core(NodeConfig settings, Rng& rng, const ChannelStates& channels);

  // Links (node_links.cc).
  std::optional<LinkId> on_accept(TimePoint now, Endpoint local, Endpoint remote, Effects& out);
  void on_dialled(TimePoint now, LinkId id, Endpoint local, Effects& out);
  void on_dial_failed(TimePoint now, LinkId id, std::string_view reason, Effects& out);
  void on_bytes(TimePoint now, LinkId id, ByteView bytes, Effects& out);
  void on_drained(TimePoint now, LinkId id, Effects& out);
  void on_closed(TimePoint now, LinkId id, std::string_view reason, Effects& out);
  void on_overlay_established(TimePoint now, LinkId id, Effects& out);
  void close_link(TimePoint now, LinkId id, const LinkEnding& ending, Effects& out);

  // Gossip (node_gossip.cc).
  void send_overlay_control(LinkId id, ByteView payload, Effects& out);
  void broadcast(TimePoint now, Channel channel, PeerName origin, Effects& out);
  bool unicast(TimePoint now, Channel channel, PeerName destination, ByteView payload,
               Effects& out);

  // Time and follow-up work (node_timers.cc).
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const;
  // Call at the start and the end of every event.
  void start(TimePoint now);
  void finish(TimePoint now, Effects& out);

  // Views (node_status.cc).
  bool reachable(PeerName peer) const;
  MeshStatus status(TimePoint now) const;

  NodeConfig config;
  Topology topology;
  Routes routes;
  Connector connector;
  bool connector_due = false;  // something changed that it looks at

 private:
  // node_links.cc
  PeerLink* find(LinkId id);
  PeerLink* neighbour(PeerName peer);
  void open_stream(TimePoint now, PeerLink& link, Effects& out);
  void pump(TimePoint now, LinkId id, Effects& out);
  void on_introduced(TimePoint now, PeerLink& link, const FeatureMap& features, Effects& out);
  std::optional<LinkEnding> refuse(TimePoint now, const PeerLink& link, const Introduction& theirs);
  // False: it was closed, because another link to the peer survives, or the table is full.
  bool make_room(TimePoint now, PeerLink& link, Effects& out);
  void refuse_double(TimePoint now, PeerLink& link, PeerLink& other, Effects& out);
  void add_to_table(TimePoint now, PeerLink& link, Effects& out);
  void remove_from_table(TimePoint now, const PeerLink& link, const LinkEnding& ending,
                         Effects& out);
  void remember_failed_inbound(TimePoint now, const PeerLink& link, const LinkEnding& ending);
  Introduction introduction(const PeerLink& link) const;
  bool trusts(Ipv4Addr address) const;
  void log(LogLevel level, const PeerLink& link, std::string text, Effects& out) const;

  // node_gossip.cc
  void on_message(TimePoint now, PeerLink& link, ByteView message, Effects& out);
  void on_gossip(TimePoint now, PeerLink& link, ByteView body, Effects& out);
  void on_broadcast(TimePoint now, PeerLink& link, ByteView body, Effects& out);
  void on_unicast(TimePoint now, PeerLink& link, ByteView body, Effects& out);
  void on_overlay_message(PeerLink& link, ByteView message, Effects& out);
  // Nothing if the payload is unreadable; then the link is closed.
  std::optional<Topology::Applied> apply_topology(TimePoint now, PeerLink& link, ByteView payload,
                                                  Effects& out);
  void gossip_to_some(TimePoint now, std::string_view channel, PeerName except, const Datum& datum,
                      Effects& out);
  void broadcast_from(TimePoint now, std::string_view channel, PeerName origin, const Datum& datum,
                      Effects& out);
  // The connection to hand messages for `destination` to, if there is one.
  PeerLink* towards(TimePoint now, PeerName destination, Effects& out);
  void send_everything(TimePoint now, PeerLink& link, Effects& out);
  std::vector<std::string_view> own_channels() const;
  std::optional<Channel> owned(std::string_view name) const;

  // node_send.cc
  void drain(TimePoint now, PeerLink& link, Effects& out);
  std::vector<Bytes> encode(TimePoint now, const Sender::Pending& pending) const;
  std::vector<Bytes> encode_topology(const Datum& datum) const;
  bool send_message(PeerLink& link, Tag tag, ByteView payload, Effects& out);
  void emit(PeerLink& link, Bytes bytes, Effects& out);

  // node_timers.cc
  void schedule_own_update(TimePoint now, PeerName about);
  void request_routes(TimePoint now);
  void settle_routes(TimePoint now, Effects& out);
  void collect_peers(TimePoint now, Effects& out);
  void mend_short_id(TimePoint now);
  void gossip_periodically(TimePoint now, Effects& out);
  void tend_links(TimePoint now, Effects& out);
  void run_connector(TimePoint now, Effects& out);
  Connector::Surroundings surroundings() const;
  void rediscover();

  // node_status.cc
  LinkStatus link_status(const PeerLink& link) const;
  bool encrypts() const { return config.password.has_value(); }

  struct FailedInbound {
    TimePoint at;
    LinkStatus status;
  };
  struct Collision {
    TimePoint at;
    std::string text;
    PeerName name;
  };

  Rng& rng_;
  const ChannelStates& channels_;
  Surrogates surrogates_;
  TokenBucket accepts_{kAcceptBurst, kAcceptInterval};
  std::uint64_t last_link_ = 0;
  std::map<LinkId, PeerLink> links_;
  std::map<PeerName, LinkId> table_;  // the connections, by neighbour
  std::uint64_t terminations_ = 0;
  std::deque<FailedInbound> failed_inbound_;  // oldest first
  std::optional<Collision> collision_;

  bool started_ = false;
  std::optional<TimePoint> gossip_at_;
  std::optional<TimePoint> own_update_at_;
  std::optional<TimePoint> collect_at_;
  std::optional<TimePoint> routes_at_;
  std::set<PeerName> own_update_about_;
  // Changed peers to be relayed once the routes are settled, by whom not to tell.
  std::map<PeerName, std::set<PeerName>> relays_;
  std::map<Endpoint, PeerName> discovered_;
  std::uint64_t discovered_revision_ = 0;
  std::set<LinkId> overfull_;  // to be cut off at the end of the event

  // The whole topology as it was last encoded: most neighbours are sent the same bytes.
  mutable std::vector<Bytes> whole_topology_;
  mutable std::uint64_t whole_topology_revision_ = 0;
};

std::string_view to_string(Channel channel);

}  // namespace weft::gossip
