// SPDX-License-Identifier: Apache-2.0
// Keeps our packet filter, and our accepts in those of others, while other programs load theirs
// anew: looks from time to time, and soon after a table was deleted.
#pragma once

#include <memory>
#include <optional>

#include "router/daemon/host_network.h"
#include "router/io/event_loop.h"
#include "router/io/readable_fd.h"
#include "router/linux/nft_watch.h"

namespace weft::daemon {

class RulesKeeper {
 public:
  // Both outlive this. Looks for the first time at once.
  RulesKeeper(io::EventLoop& loop, HostNetwork& network);

 private:
  void on_told();
  void look();

  io::EventLoop& loop_;
  HostNetwork& network_;
  std::optional<linux_net::NftWatch> watch_;
  std::unique_ptr<io::ReadableFd> told_;
  TimePoint own_at_;     // next look at our table
  TimePoint others_at_;  // and at others' filters
  TimePoint others_not_before_;
  io::Timer timer_;
};

}  // namespace weft::daemon
