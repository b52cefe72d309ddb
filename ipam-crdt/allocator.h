// SPDX-License-Identifier: Apache-2.0
// The address allocator: ring, local space, Paxos and pending requests as one deterministic
// machine. It owns the gossip channel "IPallocation". Requests come with an id and are answered,
// now or later, by a Reply effect; what must survive a crash comes out as Store effects that the
// driver makes durable before it acts on anything else of the same call.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/peer_name.h"
#include "base/rng.h"
#include "base/time_point.h"
#include "ipam-crdt/status.h"

namespace weft::ipam {

struct RequestId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(RequestId, RequestId) = default;
};

// How the ring comes to be when nothing is stored (`--ipalloc-init`).
struct InitConsensus {
  std::size_t peer_count = 0;  // 0: guessed from the direct targets
};
struct InitSeed {
  std::vector<PeerName> peers;  // the same list on all of them
};
struct InitObserver {};
using InitMode = std::variant<InitConsensus, InitSeed, InitObserver>;
// "", "consensus", "consensus=3", "seed=::1,::2", "observer".
Result<InitMode> parse_init_mode(std::string_view text);
// What the allocator can serve: a universe that is a subnet of at least 4 addresses and ends below
// 255.255.255.255, and a default subnet that overlaps it.
Result<> check_ranges(Cidr universe, Cidr default_subnet);

// Addresses held by one container (or "weave:expose", or "_" for an unknown owner).
struct Owned {
  bool is_container = false;
  std::vector<Cidr> addresses;
  friend bool operator==(const Owned&, const Owned&) = default;
};
using OwnedMap = std::map<std::string, Owned>;

// What a restart starts from: the last that was stored.
struct StoredAllocator {
  std::optional<Bytes> ring;
  OwnedMap owned;
};

struct AllocatorConfig {
  PeerName name;
  PeerUid uid;
  std::string nickname;
  Cidr universe;
  Cidr default_subnet;
  InitMode init;
  WallOffset wall;
};

// What the allocator must know of the mesh; answers from the node, read-only.
class MeshView {
 public:
  MeshView() = default;
  MeshView(const MeshView&) = delete;
  MeshView& operator=(const MeshView&) = delete;
  virtual ~MeshView() = default;
  virtual bool known(PeerName peer) const = 0;
  virtual bool reachable(PeerName peer) const = 0;
  virtual std::size_t active_target_count() const = 0;
};

namespace effect {
struct Broadcast {};  // our state, to all peers
struct RelayBroadcast {
  PeerName origin;
};
struct Unicast {
  PeerName destination;
  Bytes payload;
};
struct StoreRing {
  // gob(Ring); until there is one, gob(gossipState) with what we promised in the vote for it.
  Bytes ring;
};
struct StoreOwned {  // the whole entry; empty addresses: remove it
  std::string ident;
  Owned owned;
};
struct Allocated {
  Cidr address;
};
struct Done {};
struct Cancelled {};
struct Refused {
  std::string reason;  // Weave's words where it has them
};
struct Reply {
  RequestId id;
  std::variant<Allocated, Done, Cancelled, Refused> outcome;
};
}  // namespace effect

using Effect = std::variant<effect::Broadcast, effect::RelayBroadcast, effect::Unicast,
                            effect::StoreRing, effect::StoreOwned, effect::Reply, LogLine>;
using Effects = std::vector<Effect>;

class Allocator {
 public:
  // `rng` and `mesh` outlive the allocator.
  Allocator(AllocatorConfig config, Rng& rng, const MeshView& mesh);
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;
  ~Allocator();

  // Once, first: restores stored state or starts empty (a seed ring is created at once).
  void start(TimePoint now, const StoredAllocator& stored, Effects& out);

  // Gossip. An Error means the message is refused and the link should be closed.
  Result<> on_gossip(TimePoint now, ByteView payload, Effects& out);
  Result<> on_broadcast(TimePoint now, PeerName origin, ByteView payload, Effects& out);
  Result<> on_unicast(TimePoint now, PeerName source, ByteView payload, Effects& out);
  // A fuller reason for the last Error returned: it names peer, address and cure.
  const std::string& last_refusal() const;
  Bytes state(TimePoint now) const;  // gossipState, encoded
  // The part of it that peers have in common: not whose copy it is and of when, nor the nicknames,
  // which come along with changes of the ring.
  Bytes common_state() const;
  void on_peer_gone(TimePoint now, PeerName peer);

  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const;

  // Requests. Each is answered by exactly one Reply, unless cancelled by the caller.
  void allocate(TimePoint now, RequestId id, std::string_view ident, Cidr subnet, bool is_container,
                Effects& out);
  struct ClaimOptions {
    bool is_container = false;
    bool no_error_on_unknown = false;
  };
  void claim(TimePoint now, RequestId id, std::string_view ident, Cidr address,
             ClaimOptions options, Effects& out);
  void wait_for_ring(TimePoint now, RequestId id, Effects& out);  // `weave prime`
  void cancel(TimePoint now, RequestId id, Effects& out);         // the caller is gone; no Reply
  Result<> release(TimePoint now, std::string_view ident, Effects& out);
  Result<> release(TimePoint now, std::string_view ident, Ipv4Addr address, Effects& out);
  // Gives all our space away (`weave reset`); later requests are cancelled.
  void shut_down(TimePoint now, Effects& out);
  // Takes a dead peer's space; `peer` is a name or a nickname. The number of addresses gained.
  std::uint64_t take_over(TimePoint now, std::string_view peer, Effects& out);

  // Views.
  std::vector<Cidr> lookup(std::string_view ident, Cidr subnet) const;
  const OwnedMap& owned() const;
  const AllocatorConfig& config() const;
  AllocatorStatus status() const;
  AllocatorLoad load() const;
  // Whom take_over(peer) would take from: a peer of that name or nickname, other than ourselves.
  std::optional<PeerName> find_peer(std::string_view peer) const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weft::ipam
