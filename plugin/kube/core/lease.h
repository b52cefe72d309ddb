// SPDX-License-Identifier: Apache-2.0
// Holds a Lease, so that of all agents one does a piece of work. Whether another's lease has run
// out is judged by how long *we* have seen it unchanged, and our own ends that long after we sent
// the last renewal: time stamps of other clocks decide nothing.
//
//   idle ─want─▶ asking ⇄ waiting(5 s while ours, its duration while another's) ─release─▶ idle
#pragma once

#include <string>

#include "plugin/kube/core/compare_and_swap.h"

namespace weft::kube {

// How long a holder may be silent, and how often it renews. Short: what is done under the lease
// takes seconds, and the work has a promise of two minutes.
inline constexpr std::chrono::seconds kLeaseDuration{20};
inline constexpr std::chrono::seconds kLeaseRenewal{5};
// What is begun under the lease is over within this; so long before its end it counts as lost.
inline constexpr std::chrono::seconds kLeaseMargin{3};

class LeaseHolder {
 public:
  struct Config {
    std::string name_space = "kube-system";
    std::string name;      // of the Lease
    std::string identity;  // what distinguishes us from other holders
    WallOffset wall;       // for the time stamps that people read
  };
  // `rng` and `ids` outlive this.
  LeaseHolder(Config config, Rng& rng, RequestIds& ids);

  // Takes and keeps the lease from here on; a repeated call changes nothing.
  void want(TimePoint now, Effects& out);
  // Gives it back, if it is ours, and asks no more.
  void release(TimePoint now, Effects& out);
  bool wanted() const { return wanted_; }
  bool held(TimePoint now) const { return held_until_ && now < *held_until_; }

  // True: whether it is ours may have changed.
  bool on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out);
  void on_failure(TimePoint now, RequestId id, const Error& error, Effects& out);
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const;

  // Who has it, as last read; empty: nobody.
  const std::string& holder() const { return seen_.holder; }

 private:
  struct Seen {
    std::string holder, renew_time;
    std::int64_t transitions = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  void ask(TimePoint now, Effects& out);
  bool edit(Json& object);
  bool edit_release(Json& object) const;
  void write_ours(Json& object, const Seen& before);

  Config config_;
  CompareAndSwap object_;
  bool wanted_ = false;
  TimePoint now_;  // of the call that is being served: edits happen within calls
  Seen seen_;
  std::optional<TimePoint> seen_since_;    // how long it has been as it is
  std::optional<TimePoint> renewal_sent_;  // of the write under way
  std::optional<TimePoint> held_until_;
  std::optional<TimePoint> next_ask_;
};

}  // namespace weft::kube
