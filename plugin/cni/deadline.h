// SPDX-License-Identifier: Apache-2.0
// One deadline for all that an invocation does: runtimes kill plugins that dawdle, and an answer
// "try again" is worth more than silence.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/time_point.h"

namespace weft::cni {

class Deadline {
 public:
  explicit Deadline(Duration total) : end_(std::chrono::steady_clock::now() + total) {}

  // How long one step may take that wants at most `cap`. Never less than a moment, so that a step
  // fails by its own timeout, in its own words.
  Duration left(Duration cap) const {
    constexpr Duration kMoment = std::chrono::milliseconds(50);
    return std::clamp<Duration>(end_ - std::chrono::steady_clock::now(), kMoment, cap);
  }
  bool passed() const { return std::chrono::steady_clock::now() >= end_; }

 private:
  std::chrono::steady_clock::time_point end_;
};

struct Timeouts {
  Duration add_total = std::chrono::seconds(40);
  // Enough for a ring to form and for space to be asked for.
  Duration allocate = std::chrono::seconds(25);
  Duration call = std::chrono::seconds(5);
  Duration rollback_total = std::chrono::seconds(10);
  Duration del_total = std::chrono::seconds(30);
  Duration delegate = std::chrono::seconds(30);
  Duration status_total = std::chrono::milliseconds(400);
  // For releases that earlier calls had to leave undone.
  Duration catch_up = std::chrono::seconds(3);
};

}  // namespace weft::cni
