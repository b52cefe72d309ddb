// SPDX-License-Identifier: Apache-2.0
// Decides how the daemon comes by its ring: who seeds it is settled once, by compare-and-swap on
// one object of the API server, and read by everybody who comes later. Nothing is ever counted. The
// record lies in the data of the ConfigMap weave-net under "ipam-seed." and the range:
//
//   ipam-seed.10.32.0.0-12: {"peers":["7a:9f:…"],"formed":false}
//
// `formed`: a ring exists, so whoever comes without one waits for it instead of making it again.
// A mesh that Weave runs has a ring already; its record is formed, without peers, and has
// "fromWeave":true, since such a mesh has the password that Weave gave it, or none.
#pragma once

#include <string>
#include <vector>

#include "base/ip.h"
#include "plugin/kube/core/compare_and_swap.h"

namespace weft::kube {

inline constexpr std::size_t kSeedPeersMax = 100;
// With a ring on disk the daemon starts after so long without an answer. Without one there is
// nothing that it could safely start with, so it waits for the API server.
inline constexpr Duration kSeedPatience = std::chrono::seconds(10);
// The same where another process of this node served it until a moment ago: in so short a time
// nobody takes a node for gone.
inline constexpr Duration kSeedPatienceFresh = std::chrono::milliseconds(300);
// How often the record is looked at again, in case somebody deleted the ConfigMap: a node that is
// new would take itself for the first.
inline constexpr Duration kSeedPeriod = std::chrono::minutes(2);
// All agents learn at once that the ring exists; they say so spread over this.
inline constexpr Duration kSeedSpread = std::chrono::seconds(30);
// A ring that does not come for so long is worth an error.
inline constexpr Duration kRingPatience = std::chrono::minutes(2);

struct SeedRecord {
  std::vector<std::string> peers;
  bool formed = false;
  bool from_weave = false;
  friend bool operator==(const SeedRecord&, const SeedRecord&) = default;
};
std::string seed_key(Cidr range);
// nullopt: no record. A record that cannot be read is an error, and is never written over: another
// agent may have started by it.
Result<std::optional<SeedRecord>> read_seed(const Json& config_map, Cidr range);
void write_seed(Json& config_map, Cidr range, const SeedRecord& record);

class Seed {
 public:
  struct Config {
    PeerName own;
    Cidr range;               // of --ipalloc-range
    std::string forced_init;  // IPALLOC_INIT, if the operator gave it
    Duration patience = kSeedPatience;
    std::string name_space = "kube-system";
    std::string config_map = "weave-net";
  };
  // What the last run left on disk.
  struct Stored {
    bool ring = false;
    std::string listed_in;    // StoreListed; empty: never
    bool from_weave = false;  // SeedDecided
    bool listed_by_weave = false;
  };
  Seed(Config config, Stored stored, Rng& rng, RequestIds& ids);

  // SeedDecided follows, once.
  void start(TimePoint now, Effects& out);
  // From the daemon's report.
  void on_ring(TimePoint now, bool known, Effects& out);

  void on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out);
  void on_failure(TimePoint now, RequestId id, const Error& error, Effects& out);
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const;

  bool decided() const { return decided_; }
  // Why it is not decided; for status.
  const std::string& last_error() const { return object_.last_error(); }
  // What an operator must mend; empty: nothing.
  const std::string& trouble() const { return damage_.empty() ? ring_late_ : damage_; }

 private:
  void check(TimePoint now, Effects& out);
  bool edit(Json& object);
  bool was_removed(const Json& object) const;
  void on_record(TimePoint now, const Json& object, Effects& out);
  void heed_damage(bool damaged, bool readable, Effects& out);
  void warn(const char* reason, const std::string& text, Effects& out);
  void decide(SeedDecided decided, Effects& out);

  Config config_;
  Stored stored_;
  Rng& rng_;
  CompareAndSwap object_;
  bool decided_ = false;
  bool ring_known_ = false;
  bool recorded_formed_ = false;
  std::optional<TimePoint> give_up_at_;  // with a ring on disk, or an order
  std::optional<TimePoint> next_check_;
  std::optional<TimePoint> ring_late_at_;
  std::string damage_, ring_late_;  // in words for people; empty: not so
};

}  // namespace weft::kube
