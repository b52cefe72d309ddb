// SPDX-License-Identifier: Apache-2.0
// Whether a worker that found nothing to do should look again before it goes to sleep. To be woken
// costs many times what a look costs, most on a virtual machine with a core to spare; but looking
// costs whoever shares the core. So looks must earn their keep: as long as one series in a few
// finds something, there is another; where somebody else wants the core there is none; and what is
// left without earnings is a trickle.
#pragma once

#include <algorithm>

#include "base/time_point.h"

namespace weft::swift {

class Patience {
 public:
  // How long a series of looks lasts: about as long as an answer takes between two near hosts.
  static constexpr Duration kSeries = std::chrono::microseconds(100);
  // A series that finds something pays for so many that do not.
  static constexpr int kEarned = 2;
  // What an idle worker may spend: one part in so many of its time, saved up to some series.
  static constexpr int kTrickle = 20'000;
  static constexpr Duration kSavedMax = 20 * kSeries;
  // Two looks further apart than this: the core was given away between them.
  static constexpr Duration kInterrupted = std::chrono::microseconds(20);

  // There was something to do.
  void on_work(TimePoint now) {
    if (since_ && now - last_ < kInterrupted) {
      saved_ = std::min(kSavedMax, saved_ + kEarned * kSeries);
    }
    since_.reset();
    last_ = now;
  }
  // There was nothing. True: look again, after offering the core to others; false: sleep.
  bool look_again(TimePoint now) {
    if (!since_) begin(now);
    const bool interrupted = now - last_ >= kInterrupted;
    last_ = now;
    if (!interrupted && now - *since_ < allowed_) return true;
    saved_ = interrupted ? Duration{} : saved_ - std::min(saved_, allowed_);
    since_.reset();
    return false;
  }

 private:
  void begin(TimePoint now) {
    saved_ = std::min(kSavedMax, saved_ + (now - last_) / kTrickle);
    last_ = now;
    since_ = now;
    // Half a series finds less than half as much.
    allowed_ = saved_ < kSeries ? Duration{} : kSeries;
  }

  std::optional<TimePoint> since_;  // in a series since then
  TimePoint last_;                  // of work, or of a look
  Duration allowed_{};              // of this series
  Duration saved_ = 2 * kSeries;
};

}  // namespace weft::swift
