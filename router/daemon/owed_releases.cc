// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/owed_releases.h"

#include <utility>

#include "router/daemon/log.h"
#include "router/daemon/words.h"

namespace weft::daemon {

// Lives until the last release is answered, and keeps the plugin off as long.
struct OwedReleases::Turn {
  releases::ReleaseQueue::Work work;
};

void OwedReleases::work() {
  if (!control_.ipam_enabled() || !turn_.expired() || queue_.empty()) return;
  auto taken = queue_.take(Duration::zero());
  if (!taken) return;
  auto turn = std::make_shared<Turn>(Turn{std::move(*taken)});
  turn_ = turn;
  for (const std::string& ident : turn->work.idents()) {
    control_.release(ident, [turn, ident](const IpamOutcome& outcome) {
      if (std::holds_alternative<ipam::effect::Cancelled>(outcome)) return;
      // Refused: it holds none, for instance since an earlier turn.
      const bool released = std::holds_alternative<ipam::effect::Done>(outcome);
      log(LogLevel::info, "ipam",
          printable(ident) + (released
                                  ? ": released, as a CNI DEL had asked while we were down"
                                  : ": a CNI DEL had asked for its release; it holds nothing"));
      turn->work.done(ident);
    });
  }
}

}  // namespace weft::daemon
