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
#include "router/linux/living.h"
#include "router/peer/peer.h"

namespace weft::daemon {

// Between allocation and its interface there is a moment. What is gone is released only if it is
// still gone after this; a plugin needs a few milliseconds.
inline constexpr Duration kLookAgainAfter = std::chrono::seconds(10);
// Who asks is told after this what was mended by then, though another peer still has to give away
// an address that is alive here; that goes on.
inline constexpr Duration kMendedWithin = std::chrono::seconds(10);
// Of requests to mend, so many wait at once; whoever comes then is told what is wrong, no more.
inline constexpr std::size_t kMendingsMax = 16;

class IpamInspector {
 public:
  // What is alive on the host, and how long is waited for what.
  struct Surroundings {
    std::function<Result<linux_net::Living>()> living;
    Duration look_again_after = kLookAgainAfter;
    Duration mended_within = kMendedWithin;
  };

  // All outlive the inspector; `bridge` is whose ports count as ours.
  IpamInspector(Control& control, const peer::Peer& peer, Store& store, io::EventLoop& loop,
                std::string bridge);
  IpamInspector(Control& control, const peer::Peer& peer, Store& store, io::EventLoop& loop,
                Surroundings around);
  IpamInspector(const IpamInspector&) = delete;
  IpamInspector& operator=(const IpamInspector&) = delete;

  // Claims the addresses of living containers that nobody is recorded to hold.
  void claim_living();
  // `done` comes once: at once, or with `fix` when all is mended that can be, after kLookAgainAfter
  // if there is something to release, and kMendedWithin later at the latest.
  void check(bool fix, std::function<void(const IpamCheckReport&)> done);

 private:
  using Done = std::function<void(const IpamCheckReport&)>;
  struct Mending {
    std::vector<IpamFinding> gone;  // as seen first
    Done done;
    std::unique_ptr<io::Timer> second_look;
    std::unique_ptr<io::Timer> limit;
    IpamCheckReport report;
    std::size_t asked = 0;  // claims and releases under way
  };
  using MendingPtr = std::shared_ptr<Mending>;

  IpamCheckReport look() const;
  void claim(const IpamFinding& finding, std::function<void(bool)> ended);
  bool store_again(const IpamFinding& finding);
  std::unique_ptr<io::Timer> after(Duration wait, const MendingPtr& mending,
                                   void (IpamInspector::*then)(const MendingPtr&));
  void look_again(const MendingPtr& mending);
  void mend(const MendingPtr& mending);
  void claim_unrecorded(const MendingPtr& mending, std::size_t at);
  void release_gone(const MendingPtr& mending, std::size_t at);
  void answered(const MendingPtr& mending);
  void end(const MendingPtr& mending);

  Control& control_;
  const peer::Peer& peer_;
  Store& store_;
  io::EventLoop& loop_;
  Surroundings around_;
  std::vector<MendingPtr> mendings_;
};

}  // namespace weft::daemon
