// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/rules_keeper.h"

#include <algorithm>

#include "router/daemon/log.h"

namespace weft::daemon {
namespace {

// How often we look although nothing was told: iptables-legacy tells nothing.
constexpr Duration kOwnInterval = std::chrono::seconds(10);
constexpr Duration kOthersInterval = std::chrono::seconds(60);
// From a deletion to our look: whoever loads a firewall anew may take several steps.
constexpr Duration kSettling = std::chrono::milliseconds(200);
// Looking at others' filters takes programs: what is told is not heeded more often than this.
constexpr Duration kOthersPause = std::chrono::seconds(10);

}  // namespace

RulesKeeper::RulesKeeper(io::EventLoop& loop, HostNetwork& network)
    : loop_(loop),
      network_(network),
      own_at_(loop.now()),
      others_at_(loop.now()),
      others_not_before_(loop.now()),
      timer_(loop, [this] { look(); }) {
  if (auto watch = linux_net::NftWatch::open()) {
    watch_ = std::move(*watch);
    told_ = std::make_unique<io::ReadableFd>(loop, watch_->fd(), [this] { on_told(); });
  } else {
    log(LogLevel::warning, "nft",
        to_string(watch.error()) + ": flushed rules are noticed within ten seconds only");
  }
  look();
}

void RulesKeeper::on_told() {
  const linux_net::DeletedTables deleted = watch_->take();
  if (!deleted.any()) return;
  const TimePoint soon = loop_.now() + kSettling;
  if (deleted.ours) own_at_ = std::min(own_at_, soon);
  const TimePoint others = std::max(soon, others_not_before_);
  if (deleted.others && others < others_at_) {
    others_at_ = others;
    others_not_before_ = others + kOthersPause;
  }
  timer_.arm(std::min(own_at_, others_at_));
}

void RulesKeeper::look() {
  const TimePoint now = loop_.now();
  if (now >= own_at_) {
    if (network_.restore_rules()) {
      log(LogLevel::warning, "nft", "our table was gone (somebody flushed the ruleset): put back");
    }
    own_at_ = now + kOwnInterval;
  }
  if (now >= others_at_) {
    network_.keep_forwarding();
    others_at_ = now + kOthersInterval;
  }
  timer_.arm(std::min(own_at_, others_at_));
}

}  // namespace weft::daemon
