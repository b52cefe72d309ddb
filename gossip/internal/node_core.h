// SPDX-License-Identifier: Apache-2.0
// The inside of the mesh node: its state and the steps of its events, spread over node_*.cc by
// subject. Every public event ends in finish(), where follow-up work is done once.
#pragma once

#include <deque>
#include <set>

#include "gossip/connector.h"
#include "gossip/delta_wire.h"
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
// Under steady news the collection still happens so long after it was first due.
inline constexpr std::chrono::seconds kCollectDelayMax{10};
inline constexpr std::chrono::milliseconds kRoutesDelay{100};
// Peers that speak delta gossip compare summaries: with some neighbours in every round of gossip,
// and with this many twice after a change, since news may miss somebody while routes change.
inline constexpr std::size_t kComparedAfterChange = 3;
inline constexpr unsigned kComparisonsAfterChange = 2;
inline constexpr std::chrono::seconds kComparisonDelay{1};
inline constexpr std::chrono::seconds kComparisonInterval{2};
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

// Reports of one peer's address that are looked at.
inline constexpr std::size_t kReportsMax = 8;
// How long after a dial failed other addresses of the peer are looked for, at the earliest.
inline constexpr std::chrono::seconds kRediscoverInterval{1};
// What peers report is looked through for new addresses at most this often.
inline constexpr std::chrono::milliseconds kDiscoveryDelay{300};
// A turn of the connector looks at every connection. While a mesh comes up connections begin and
// end all the time, so it has at most one turn in this time, unless the operator asks.
inline constexpr std::chrono::milliseconds kConnectorPause{50};
// Of a mesh larger than the connection limit a peer dials this share of the limit less, so that
// there is room for others; newcomers may exceed the limit by a quarter, and by four at least.
inline constexpr std::size_t kDialReserve = 8;
inline constexpr std::size_t kNewcomerReserve = 4;
// Where neighbours were that nothing leads to any more: tried again for a while, and as long as we
// have no connection at all.
inline constexpr std::size_t kRememberedMax = 64;
inline constexpr std::chrono::minutes kRememberedFor{2};
inline constexpr std::chrono::minutes kRememberedAloneFor{60};

// Why a link ends.
struct LinkEnding {
  std::string reason;
  bool by_peer = false;    // the stream is gone already: there is nothing to close
  bool ourselves = false;  // never dialled again
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
  // Makes the connector's turn due at the end of this event.
  void run_connector_now();

  // Views (node_status.cc).
  bool reachable(PeerName peer) const;
  MeshStatus status(TimePoint now) const;
  NodeLoad load() const;

  NodeConfig config;
  Topology topology;
  Routes routes;
  Connector connector;
  bool connector_due = false;  // something changed that it looks at: its turn comes soon

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
  // Whether a peer may have a connection although the table is full: nobody else leads to it.
  bool let_in(const Introduction& newcomer) const;
  // Gives up a connection whose peer is reached without it, if there are more than `keep`.
  void shed(TimePoint now, std::size_t keep, std::string_view why, Effects& out);
  void remember(TimePoint now, const PeerLink& link);
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
  Topology::Applied apply_records(TimePoint now, PeerLink& link, std::vector<PeerRecord> records,
                                  Effects& out);
  // Nothing if the payload is unreadable; then the link is closed.
  std::optional<Topology::Applied> apply_topology(TimePoint now, PeerLink& link, ByteView payload,
                                                  Effects& out);
  // Some neighbours as the protocol draws them, of each kind: those who speak delta gossip are
  // counted apart, for they do not do the work of the others.
  std::vector<PeerName> some_neighbours(PeerName except, bool delta);
  void gossip_to(TimePoint now, const std::vector<PeerName>& peers, std::string_view channel,
                 const Datum& datum, Effects& out);
  void gossip_to_some(TimePoint now, std::string_view channel, PeerName except, const Datum& datum,
                      Effects& out);
  void broadcast_from(TimePoint now, std::string_view channel, PeerName origin, const Datum& datum,
                      Effects& out);
  // The connection to hand messages for `destination` to, if there is one.
  PeerLink* towards(TimePoint now, PeerName destination, Effects& out);
  void send_everything(TimePoint now, PeerLink& link, Effects& out);
  std::vector<std::string_view> own_channels() const;
  std::optional<Channel> owned(std::string_view name) const;

  // node_delta.cc
  void on_delta(TimePoint now, PeerLink& link, ByteView body, Effects& out);
  void on_told(TimePoint now, PeerLink& link, const Summary& theirs, Effects& out);
  void on_told(TimePoint now, PeerLink& link, const Versions& theirs, Effects& out);
  void on_told(TimePoint now, PeerLink& link, const Wanted& wanted, Effects& out);
  void on_told(TimePoint now, PeerLink& link, const Records& records, Effects& out);
  void on_told(TimePoint now, PeerLink& link, const ChannelSummary& theirs, Effects& out);
  void on_told(TimePoint now, PeerLink& link, const ChannelWanted& wanted, Effects& out);
  void send_delta(PeerLink& link, const DeltaMessage& message, Effects& out);
  void send_state(TimePoint now, PeerLink& link, Channel channel, Effects& out);
  void tell(TimePoint now, PeerLink& link, News news, Effects& out);
  // News from `except` goes on: to some of the neighbours that know topologies only, and along the
  // tree to the others.
  void pass_on(TimePoint now, PeerName except, const News& news, Effects& out);
  // Neighbours that know topologies only and are to hear of news.
  std::vector<PeerName> listeners(PeerName except);
  void tell_along_tree(TimePoint now, PeerName except, const News& news, Effects& out);
  void tell_own_update(TimePoint now, Effects& out);
  void note_change(TimePoint now);
  void compare_with_some(TimePoint now, Effects& out);
  const Summary& own_summary();
  std::vector<Bytes> encode_delta(const Datum& datum);

  // node_send.cc
  void drain(TimePoint now, PeerLink& link, Effects& out);
  void send_pending(TimePoint now, PeerLink& link, const Sender::Pending& pending, Effects& out);
  std::vector<Bytes> encode(TimePoint now, const Sender::Pending& pending) const;
  std::vector<Bytes> encode_topology(const Datum& datum) const;
  bool send_message(PeerLink& link, Tag tag, ByteView payload, Effects& out);
  void emit(PeerLink& link, Bytes bytes, Effects& out);

  // node_timers.cc
  void schedule_own_update(TimePoint now, PeerName about);
  void request_routes(TimePoint now);
  void schedule_collection(TimePoint now);
  void settle_routes(TimePoint now, Effects& out);
  void collect_peers(TimePoint now, Effects& out);
  void tend_limit(TimePoint now, Effects& out);
  void mend_short_id(TimePoint now);
  void gossip_periodically(TimePoint now, Effects& out);
  void tend_links(TimePoint now, Effects& out);
  void run_connector(TimePoint now, Effects& out);
  Connector::Surroundings surroundings() const;
  bool within_reach(Endpoint at, PeerName peer) const;
  void rediscover(TimePoint now);
  void discover(const PeerRecord& record);
  void discover_some();
  void discover_remembered(TimePoint now);

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
  std::size_t delta_links_ = 0;       // how many of them speak delta gossip
  std::uint64_t terminations_ = 0;
  std::deque<FailedInbound> failed_inbound_;  // oldest first
  std::optional<Collision> collision_;

  bool started_ = false;
  std::optional<TimePoint> gossip_at_;
  std::optional<TimePoint> own_update_at_;
  std::optional<TimePoint> collect_at_;
  std::optional<TimePoint> routes_at_;
  std::optional<TimePoint> limit_at_;  // routes were settled with more connections than the limit
  std::set<PeerName> own_update_about_;
  // Changed peers to be relayed once the routes are settled, by whom not to tell.
  std::map<PeerName, News> relays_;
  std::uint64_t own_told_ = 0;  // the version of our record that all neighbours were told
  std::optional<TimePoint> comparison_at_;
  unsigned comparisons_left_ = 0;
  std::optional<TimePoint> collect_latest_;
  // Not later than any link's deadline, and the connector's as of its last turn.
  std::optional<TimePoint> links_at_;
  std::optional<TimePoint> connector_at_;
  std::optional<TimePoint> connector_ran_at_;
  std::optional<TimePoint> discovery_at_;
  std::map<Endpoint, PeerName> discovered_;
  std::uint64_t discovered_revision_ = 0;
  bool discovered_stale_ = false;  // a dial failed: another address may be worth a try
  std::optional<TimePoint> discovered_at_;
  struct Remembered {
    PeerName peer;
    Endpoint at;
    TimePoint lost;
  };
  std::deque<Remembered> remembered_;  // oldest first
  std::set<LinkId> overfull_;          // to be cut off at the end of the event

  // The whole topology as it was last encoded: most neighbours are sent the same bytes.
  mutable std::vector<Bytes> whole_topology_;
  mutable std::uint64_t whole_topology_revision_ = 0;
  // The news last encoded for delta gossip, likewise, and our summary.
  News encoded_news_;
  std::vector<Bytes> encoded_deltas_;
  std::uint64_t encoded_revision_ = 0;
  Summary summary_;
  std::pair<std::uint64_t, std::uint64_t> summary_of_{};  // revision of topology, routes
};

std::string_view to_string(Channel channel);

}  // namespace weft::gossip
