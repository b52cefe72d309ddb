// SPDX-License-Identifier: Apache-2.0
// Finds the largest IP packet that reaches the other end of a tunnel unfragmented, by probes that
// carry DF, and keeps checking it. All sizes that matter are tried at once, so that a path of a
// usual size is known after one round trip; what lies between two of them is found by halving.
//
//     idle ──start──▶ searching: sizes that matter ──▶ between two ──▶ settled: check every 4 s
//                        ▲                                                │
//                        └── 5 checks lost, 5 minutes, the kernel's word ─┘
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time_point.h"

namespace weft::swift {

class MtuSearch {
 public:
  // What every IPv4 path is expected to carry; a path that does not is left to sleeve. RFC 791.
  static constexpr int kFloor = 576;
  // An IPv4 packet's size field.
  static constexpr int kCeilingMax = 65535;
  // A search ends when the answer is known to so many bytes.
  static constexpr int kPrecision = 4;
  // A size is given up after so many probes without an answer.
  static constexpr int kTries = 3;
  static constexpr int kCheckTries = 5;
  static constexpr std::chrono::milliseconds kRound{250};
  static constexpr std::chrono::milliseconds kCheckRound{500};
  static constexpr std::chrono::seconds kCheckInterval{4};
  // Paths grow, too.
  static constexpr std::chrono::minutes kSearchInterval{5};

  // `ceiling`: of the interface, in bytes of IP packet; clamped to kFloor … kCeilingMax.
  explicit MtuSearch(int ceiling);

  // Searches from the beginning; what is known stays in force until the search knows better.
  void start(TimePoint now);
  // From now on nothing is sent or believed.
  void stop();
  // The path carries `size`: a probe of that size was echoed.
  void on_echo(TimePoint now, int size);
  // The kernel says the path carries no more than `size`. True if that changes mtu().
  bool on_too_big(TimePoint now, int size);
  // Appends the sizes of probes to send now.
  void on_deadline(TimePoint now, std::vector<int>& probes);
  // A check that is due within `by` is due now.
  void hasten(TimePoint now, Duration by);
  std::optional<TimePoint> next_deadline() const { return deadline_; }

  // The largest packet known to arrive; 0: none yet. A larger size counts as soon as it arrived, a
  // smaller one when larger ones had their chance.
  int mtu() const { return mtu_; }
  // The first search has come so far that mtu() is worth using.
  bool known() const { return mtu_ >= kFloor && !first_round_; }

 private:
  void search_above(TimePoint now, int good, int bad);
  void next_round(TimePoint now, std::vector<int>& probes);
  void add_candidates(std::vector<int>& probes) const;
  void settle(TimePoint now);
  void await_check(TimePoint now);
  void check(TimePoint now, std::vector<int>& probes);

  int ceiling_;
  int mtu_ = 0;
  int good_ = 0;   // arrived in this search
  int bad_ = 0;    // did not, or is too large to try
  int tried_ = 0;  // the smallest size of this round
  int tries_ = 0;  // rounds, or checks, without an answer to it
  bool searching_ = false;
  bool first_round_ = true;  // of the first search
  TimePoint search_at_;      // the next search, once settled
  std::optional<TimePoint> deadline_;
};

}  // namespace weft::swift
