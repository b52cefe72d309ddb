// SPDX-License-Identifier: Apache-2.0
// Compares the allocator with the state file and with what is alive in this host's namespaces, and
// mends it: at start, for what containers kept while there was no state, and when an operator asks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "router/daemon/control.h"
#include "router/daemon/ipam_check.h"
#include "router/daemon/store.h"
#include "router/io/event_loop.h"
#include "router/peer/peer.h"

namespace weft::daemon {

// Between allocation and its interface there is a moment. What is gone is released only if it is
// still gone after this; a plugin needs a few milliseconds.
inline constexpr Duration kLookAgainAfter = std::chrono::seconds(10);
// Of requests to mend, so many wait at once; whoever comes then is told what is wrong, no more.
inline constexpr std::size_t kMendingsMax = 16;

class IpamInspector {
 public:
  // All outlive the inspector; `bridge` is whose ports count as ours.
  IpamInspector(Control& control, const peer::Peer& peer, Store& store, io::EventLoop& loop,
                std::string bridge);
  IpamInspector(const IpamInspector&) = delete;
  IpamInspector& operator=(const IpamInspector&) = delete;

  // Claims the addresses of living containers that nobody is recorded to hold.
  void claim_living();
  // `done` comes once: at once, or with `fix` and something to release, after kLookAgainAfter.
  void check(bool fix, std::function<void(const IpamCheckReport&)> done);

 private:
  using Done = std::function<void(const IpamCheckReport&)>;
  struct Mending {
    std::vector<IpamFinding> gone;  // as seen first
    Done done;
    std::unique_ptr<io::Timer> timer;
    IpamCheckReport report;
    std::size_t releases = 0;  // under way
  };

  IpamCheckReport look() const;
  void claim(const IpamFinding& finding);
  bool store_again(const IpamFinding& finding);
  void mend(IpamCheckReport& report);
  void look_again(const std::shared_ptr<Mending>& mending);
  void release_gone(const std::shared_ptr<Mending>& mending);
  void end(const std::shared_ptr<Mending>& mending);

  Control& control_;
  const peer::Peer& peer_;
  Store& store_;
  io::EventLoop& loop_;
  std::string bridge_;
  std::vector<std::shared_ptr<Mending>> mendings_;
};

}  // namespace weft::daemon
