// SPDX-License-Identifier: Apache-2.0
// What follows when weaver ends by itself. Pure.
//
// It is started again here, at once and then less and less often: the kubelet would wait ten
// seconds and more, while frames of the node's pods are lost. Two cases are the kubelet's, for
// people to see them in `kubectl get pods`: a command line that weaver does not take, and a weaver
// that never comes to life.
#pragma once

#include <algorithm>
#include <variant>

#include "base/time_point.h"

namespace weft::kube {

class RestartPolicy {
 public:
  static constexpr Duration kFirst = std::chrono::milliseconds(100);
  static constexpr Duration kMax = std::chrono::seconds(10);
  // One that lived so long was alive, and what ended it is a new matter.
  static constexpr Duration kAlive = std::chrono::seconds(20);
  static constexpr int kEarlyDeathsMax = 8;  // in a row: 23 seconds of trying
  // Where another would serve the node meanwhile: half a second.
  static constexpr int kEarlyDeathsBesideAnother = 2;
  static constexpr int kWrongCommandLine = 2;

  struct Restart {
    Duration after{0};
  };
  struct GiveUp {
    int exit_code = 1;
  };
  std::variant<Restart, GiveUp> on_exit(Duration lived, int exit_code, bool another_would_serve) {
    if (exit_code == kWrongCommandLine) return GiveUp{exit_code};
    if (lived >= kAlive) {
      wait_ = kFirst;
      early_deaths_ = 0;
    }
    const int most = another_would_serve ? kEarlyDeathsBesideAnother : kEarlyDeathsMax;
    if (++early_deaths_ > most) return GiveUp{exit_code == 0 ? 1 : exit_code};
    const Duration wait = wait_;
    wait_ = std::min(wait_ * 2, kMax);
    return Restart{wait};
  }

 private:
  Duration wait_ = kFirst;
  int early_deaths_ = 0;
};

}  // namespace weft::kube
