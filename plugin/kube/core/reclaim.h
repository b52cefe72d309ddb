// SPDX-License-Identifier: Apache-2.0
// Takes back the addresses of nodes that are gone. Level-triggered: every minute and at every
// change it compares who owns addresses with the nodes that exist and the peers that live, so a
// missed event costs a minute at most and never an address. One peer at a time is taken over, by
// one agent of the cluster: it holds the Lease, and on the peer the lock that Weave's agents heed
// as well.
//
//   idle ─due, leased or lock ours─▶ verifying ─404─▶ locking ─ours─▶ removing ─▶ forgetting ─▶
//   idle
//                                      │ exists         │ another's     │ refused
//                                      ▼                ▼               ▼
//                                     idle             idle         unlocking ─▶ idle
#pragma once

#include <map>
#include <set>
#include <string>

#include "plugin/kube/core/lease.h"
#include "plugin/kube/core/mesh_report.h"

namespace weft::kube {

inline constexpr Duration kReclaimPeriod = std::chrono::seconds(60);
// How long a node must have been gone: one that is deleted and comes back at once, and a mesh that
// has not told us yet of what others took over, look the same at first. And how long its peer must
// have been out of the mesh, which itself waits a minute for a peer that is silent.
inline constexpr Duration kNodeGrace = std::chrono::seconds(30);
inline constexpr Duration kMeshGrace = std::chrono::seconds(10);
// All agents see a node go at once; they ask for the Lease spread over this.
inline constexpr Duration kReclaimSpread = std::chrono::seconds(5);
// How old the daemon's report may be when a takeover begins.
inline constexpr Duration kReportFresh = std::chrono::seconds(10);
// How often it is asked for while somebody may be about to go, and for how long after a change.
inline constexpr Duration kReportPoll = std::chrono::seconds(5);
inline constexpr Duration kReportPolling = std::chrono::minutes(3);
// A peer that cannot be taken over now is left alone for so long; after an answer that did not
// come, or was of no use, for less.
inline constexpr Duration kReclaimPause = std::chrono::seconds(60);
inline constexpr Duration kReclaimRetry = std::chrono::seconds(5);
inline constexpr Duration kRemovalTimeout = std::chrono::seconds(30);

class Reclaim {
 public:
  struct Config {
    PeerName own;
    std::string own_node;
    WallOffset wall;
    std::string name_space = "kube-system";
    std::string config_map = "weave-net";
    std::string lease = "weave-net";
  };
  struct Status {
    std::uint64_t peers_count = 0;      // taken over since the start
    std::uint64_t addresses_count = 0;  // weave_ipam_reclaimed_total
    std::size_t waiting_count = 0;      // gone, not taken over
    bool evicted = false;               // others took us for gone: restart, discarding the state
    std::string last_error;
  };
  // `rng` and `ids` outlive this.
  Reclaim(Config config, Rng& rng, RequestIds& ids);

  void start(TimePoint now, Effects& out);
  // The nodes that exist; complete from on_nodes_synced on.
  void on_node(TimePoint now, const std::string& name, Effects& out);
  void on_node_gone(TimePoint now, const std::string& name, Effects& out);
  void on_nodes_synced(TimePoint now, Effects& out);
  void on_report(TimePoint now, MeshReport report, Effects& out);
  // How the daemon answered RemovePeer: how many addresses it took over, or that it did not.
  void on_peer_removed(TimePoint now, PeerName peer, std::optional<std::uint64_t> gained,
                       Effects& out);

  void on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out);
  void on_failure(TimePoint now, RequestId id, const Error& error, Effects& out);
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const;

  Status status() const;

 private:
  enum class Step : std::uint8_t { verifying, locking, removing, forgetting, unlocking };
  struct Job {
    PeerName peer;
    Departed departed;
    Step step = Step::verifying;
    RequestId request;  // of verifying
    std::optional<TimePoint> deadline;
    LockOutcome lock = LockOutcome::held_by_other;
  };
  struct Watched {
    Departed departed;
    TimePoint node_gone_since;
    std::optional<TimePoint> mesh_gone_since;  // none: alive
    TimePoint paused_until;

    std::optional<TimePoint> due() const;
    TimePoint changed_at() const;
  };

  void refresh(TimePoint now, Effects& out);
  void want_report(TimePoint now, Effects& out);
  std::optional<TimePoint> next_report() const;
  bool edit_listed(Json& object);
  void evaluate(TimePoint now, Effects& out);
  void watch_departed(TimePoint now);
  void keep_lease(TimePoint now, Effects& out);
  void begin_due(TimePoint now, Effects& out);
  bool lock_is_ours(PeerName peer) const;
  void begin(TimePoint now, PeerName peer, const Departed& departed, Effects& out);
  void lock(TimePoint now, Effects& out);
  bool edit_lock(Json& object);
  void on_locked(TimePoint now, Effects& out);
  void forget(TimePoint now, Effects& out);
  void unlock(TimePoint now, Effects& out);
  void end_job(TimePoint now, Duration pause, Effects& out);
  void on_config_map(TimePoint now, Json object, Effects& out);
  void on_verified(TimePoint now, const HttpResponse& response, Effects& out);
  void on_job_deadline(TimePoint now, Effects& out);
  void heed_list(const std::string& uid, Effects& out);
  void log(LogLevel level, const std::string& text, Effects& out);

  Config config_;
  Rng& rng_;
  RequestIds& ids_;
  LeaseHolder lease_;
  CompareAndSwap object_;  // the ConfigMap
  std::set<std::string> nodes_;
  bool nodes_synced_ = false;
  std::optional<MeshReport> report_;
  std::optional<TimePoint> report_at_;     // when it came
  std::optional<TimePoint> report_asked_;  // when it was last asked for
  std::optional<Json> config_map_;         // as last read
  PeerList list_;                          // of it
  std::string listed_in_;                  // UID of the ConfigMap in which we are listed
  bool evicted_ = false;
  std::map<PeerName, Watched> watched_;
  std::optional<TimePoint> lease_at_;  // when to ask for it
  std::optional<Job> job_;
  std::optional<TimePoint> period_at_;
  TimePoint evaluated_at_;
  std::uint64_t peers_count_ = 0, addresses_count_ = 0;
  std::string last_error_;
};

}  // namespace weft::kube
