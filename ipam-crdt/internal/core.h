// SPDX-License-Identifier: Apache-2.0
// What the allocator decides, in four parts: core.cc (life, ring and tick), requests.cc (what
// clients ask), donors.cc (whom to ask for space), gossip.cc (what peers say). Every public call of
// Allocator is one action: begin(), the operation, finish().
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ipam-crdt/allocator.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/internal/owned_table.h"
#include "ipam-crdt/paxos.h"
#include "ipam-crdt/ring.h"
#include "ipam-crdt/space.h"

namespace weft::ipam {

// How often what is pending is tried again. Weave: the same.
inline constexpr std::chrono::seconds kRetryInterval{5};
// How long after the ring is known peers may take to become reachable: until then a request that
// only unreachable peers could serve waits. A mesh link takes a second or two.
inline constexpr std::chrono::seconds kSettleTime{5};
// Attempts to reach the owner of a claimed address before the claim fails. Weave: the same.
inline constexpr unsigned kClaimTriesMax = 5;
// Requests waiting at once, of each kind. They come from local clients, one connection each.
inline constexpr std::size_t kPendingMax = 65536;
// How long after the first ring heard what we restored from disk gives way to newer rings. Two
// rounds of gossip: by then whatever the mesh knows of us has come by.
inline constexpr std::chrono::seconds kRestoredYieldTime{60};
// Peers remembered whose ring has other seeds than ours; more add nothing to the picture.
inline constexpr std::size_t kSeedConflictsMax = 16;
// Nicknames remembered, beyond which those of peers that neither exist nor own space are dropped.

struct PendingAllocate {
  RequestId id;
  std::string ident;
  Cidr subnet;
  bool is_container = false;
  std::string waits_for;
};

struct PendingClaim {
  RequestId id;
  std::string ident;
  Cidr address;
  Allocator::ClaimOptions options;
  bool answered = false;  // with success, in advance: from now on it only tries
  unsigned tries = 0;     // without the owner being reachable
  PeerName asked;
  std::optional<TimePoint> tried;
  std::string waits_for;
};

// One space request on its way, for all that wait for an address in the same subnet.
struct Ask {
  PeerName peer;  // unknown: none on its way
  TimePoint at;
  std::set<PeerName> denied;  // said that they have nothing; forgotten at each tick
};

class Allocator::Core {
 public:
  Core(AllocatorConfig config, Rng& rng, const MeshView& mesh);

  void begin(TimePoint now) { now_ = now; }
  // Settles the books and appends what must happen: what is to be stored comes first.
  void finish(Effects& out);

  void start(const StoredAllocator& stored);
  void tick();
  std::optional<TimePoint> next_tick() const { return next_tick_; }

  Result<> receive_gossip(ByteView payload);
  Result<> receive_broadcast(PeerName origin, ByteView payload);
  Result<> receive_unicast(PeerName source, ByteView payload);
  const std::string& last_refusal() const { return last_refusal_; }
  Bytes state(TimePoint now) const;
  Bytes common_state() const;
  void peer_gone(PeerName peer);

  void allocate(PendingAllocate request);
  void claim(PendingClaim request);
  void prime(RequestId id);
  void cancel(RequestId id);
  Result<> release(std::string_view ident);
  Result<> release(std::string_view ident, Ipv4Addr addr);
  void shut_down();
  std::uint64_t take_over(std::string_view peer);

  std::vector<Cidr> lookup(std::string_view ident, Cidr subnet) const;
  const OwnedMap& owned() const { return owned_.all(); }
  const AllocatorConfig& config() const { return config_; }
  AllocatorStatus status() const;
  AllocatorLoad load() const;
  std::optional<PeerName> find_peer(std::string_view peer) const;

 private:
  enum class Progress { done, waiting };

  // Life and ring (core.cc).
  void claim_back(const std::vector<IpRange>& ranges);
  void restore_address(const std::string& ident, Cidr address, bool is_container);
  void restore_ring(const Bytes& stored);
  bool restore_promise(const Bytes& stored);
  void store_promise(Effects& out);
  void restore_owned(const OwnedMap& stored);
  void establish();
  void propose();
  void set_quorum();
  bool elector() const { return paxos_.has_value(); }
  void create_ring_on_consensus();
  void create_ring(const std::vector<PeerName>& peers);
  void ring_changed();
  void ring_known();
  void follow_ring();
  void settle_free_counts();
  void arm_tick();
  bool anything_pending() const;

  // Requests (requests.cc).
  void retry_pending();
  Progress try_allocate(PendingAllocate& request);
  Progress try_claim(PendingClaim& request);
  Progress claim_outside(PendingClaim& request);
  Progress claim_ours(PendingClaim& request);
  Progress claim_from(PendingClaim& request, PeerName owner);
  void succeed(PendingClaim& request);
  void refuse(PendingClaim& request, std::string reason);
  void reply(RequestId id, decltype(effect::Reply::outcome) outcome);
  void record(std::string_view ident, Cidr address, bool is_container);
  void drop(std::string_view ident, Ipv4Addr addr);
  void cancel_all();
  // Whether there was anything to cancel.
  bool cancel_of(std::string_view ident);
  bool cancel_claims(const std::function<bool(const PendingClaim&)>& match);

  // Donors (donors.cc).
  struct Verdict {
    bool wait = false;
    std::string text;  // what it waits for, or why not
  };
  Verdict ask_for_space(Cidr subnet);
  Verdict refusal(Cidr subnet, const std::map<PeerName, std::uint64_t>& free) const;
  std::vector<PeerName> by_chance(const std::map<PeerName, std::uint64_t>& weights) const;
  void drop_unused_asks();
  PeerName heir() const;

  // Gossip (gossip.cc).
  Result<> update(PeerName sender, const GossipState& state);
  Result<> update_ring(const RingData& theirs);
  void note_seeds(const RingData& theirs);
  void update_paxos(const PaxosState& theirs);
  void update_nicknames(const Nicknames& theirs);
  void prune_nicknames();
  void donate(PeerName to, IpRange range);
  void on_denied(PeerName source, IpRange range);
  Result<> refused(Error error, std::string why);
  void send_state(PeerName to);
  void unicast(PeerName to, Bytes payload);
  void broadcast();

  void log(LogLevel level, std::string text, PeerName peer = {});
  std::string display(PeerName peer) const;

  AllocatorConfig config_;
  Rng& rng_;
  const MeshView& mesh_;

  Ring ring_;
  Space space_;  // always covers exactly what the ring says is ours
  // Addresses in use that come from our disk, which may be old: other than those given out in this
  // life they do not, for a while, keep a newer ring from taking their range.
  IntervalSet restored_;
  std::optional<TimePoint> first_heard_;  // a peer's ring
  OwnedTable owned_;
  std::optional<Paxos> paxos_;  // until there is a ring, unless we are an observer
  NodeClaims promise_stored_;
  bool awaiting_ring_ = false;
  std::optional<TimePoint> ring_known_at_;
  Nicknames nicknames_;
  bool shut_down_ = false;
  struct OtherSeeds {
    std::vector<PeerName> seeds;
    TimePoint heard;
  };
  std::map<PeerName, OtherSeeds> seed_conflicts_;  // by who told

  std::vector<RequestId> primes_;
  std::vector<PendingClaim> claims_;
  std::vector<PendingAllocate> allocates_;
  std::map<Cidr, Ask> asks_;
  std::map<Cidr, Verdict> verdicts_;  // of this round of retries, so that each ask is sent once
  std::optional<TimePoint> next_tick_;
  std::string last_refusal_;

  // Of the action under way.
  TimePoint now_;
  bool ring_stored_ = true;                      // the ring is as it was stored last
  bool ranges_changed_ = false;                  // more than free counts
  std::vector<std::pair<Ipv4Addr, int>> freed_;  // +1: freed, -1: taken
  std::set<std::string> owned_changed_;
  bool broadcast_due_ = false;
  std::vector<Effect> queue_;
};

}  // namespace weft::ipam
