// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/recovery.h"

#include <algorithm>

namespace weft::sim {
namespace {

using namespace std::chrono_literals;

// Operators look at the refusals that status shows, start some hosts over, and look again.
constexpr int kMendingsMax = 4;

class Recovery {
 public:
  Recovery(World& world, Report& report) : world_(world), report_(report) {}

  void run() {
    heal();
    bool agreed = settle(World::Owners::may_be_gone);
    for (int i = 0; !agreed && i < kMendingsMax && may_mend() && fine(); ++i) {
      mend();
      agreed = settle(World::Owners::may_be_gone);
    }
    if (agreed) agreed = reclaim();
    if (fine() && !agreed) fail("no agreement: " + disagreement_);
    if (fine()) world_.ledger().mended();
    if (fine()) serve();
    if (!fine() && report_.failure.empty()) report_.failure = world_.breach();
  }

 private:
  bool fine() const { return world_.breach().empty() && report_.failure.empty(); }
  void fail(const std::string& what) {
    report_.failure = what;
    world_.tell("FAILED: " + what);
  }
  bool has(Fault fault) const { return report_.faults.count(fault) != 0; }
  // Only what the rough faults have done may need an operator.
  bool may_mend() const { return report_.rough; }

  void heal() {
    world_.tell("the faults stop");
    world_.network().heal();
    for (HostId host = 0; host < world_.size(); ++host) {
      if (world_.has_taken_name(host)) {
        world_.crash(host);
        world_.lose_disk(host);
      }
      world_.restart(host);
    }
    // A ring is made when the first address is asked for. If all hosts lost theirs, somebody asks.
    if (nobody_has_a_ring()) world_.wait_for_ring(0);
    if (!has(Fault::connect) && !has(Fault::forget)) return;
    std::vector<HostId> all;
    for (HostId host = 0; host < world_.size(); ++host)
      all.push_back(host);
    for (HostId host : all)
      world_.connect(host, all, true);
  }

  bool nobody_has_a_ring() const {
    for (HostId host = 0; host < world_.size(); ++host) {
      if (world_.ledger().ring(host)) return false;
    }
    return true;
  }

  // Whether all agree in time.
  bool settle(World::Owners owners) {
    constexpr Duration kStep = 3s;
    Duration waited{0};
    while (fine() && waited < kRoundsToAgree * kGossipRound) {
      world_.run_for(kStep);
      waited += kStep;
      disagreement_ = world_.disagreement(owners);
      if (!disagreement_.empty()) continue;
      report_.rounds =
          std::max(report_.rounds, static_cast<int>((waited - 1ns) / kGossipRound) + 1);
      return true;
    }
    return false;
  }

  // The space of hosts that came back as somebody else.
  bool reclaim() {
    if (world_.gone().empty() || world_.disagreement().empty())
      return world_.disagreement().empty();
    for (PeerName gone : world_.gone())
      world_.remove_peer(anchor(), gone);
    return settle(World::Owners::are_here);
  }

  HostId anchor() const {
    HostId best = 0;
    for (HostId host = 1; host < world_.size(); ++host) {
      if (world_.held(host) > world_.held(best)) best = host;
    }
    return best;
  }

  // Keeps whom the one with most clients can agree with; the others start over with an empty disk
  // and, since their names have done harm, as somebody new.
  void mend() {
    std::vector<HostId> order;
    for (HostId host = 0; host < world_.size(); ++host)
      order.push_back(host);
    std::stable_sort(order.begin(), order.end(),
                     [&](HostId a, HostId b) { return world_.held(a) > world_.held(b); });
    std::vector<HostId> kept;
    for (HostId host : order) {
      bool agrees = std::all_of(kept.begin(), kept.end(), [&](HostId other) {
        return accepts(host, other) && accepts(other, host);
      });
      if (agrees) {
        kept.push_back(host);
        continue;
      }
      ++report_.mended;
      world_.crash(host);
      world_.lose_disk(host);
      world_.restart(host);
    }
  }

  bool accepts(HostId host, HostId other) const {
    const auto& ours = world_.ledger().ring(host);
    const auto& theirs = world_.ledger().ring(other);
    if (!ours || !theirs) return true;
    for (IpRange range : world_.ledger().claims(host).ranges()) {
      if (world_.ledger().claims(other).intersects(range)) return false;
    }
    auto ring = ipam::Ring::restore(*ours, ours->holder);
    return ring.has_value() && !ring->merge(*theirs, world_.used(host)).error;
  }

  // Once all agree, clients are served: each asks once more, and nobody is left waiting.
  void serve() {
    for (HostId host = 0; host < world_.size(); ++host)
      world_.allocate(host);
    world_.run_for(kRoundsToAnswer * kGossipRound);
    if (!fine()) return;
    if (std::size_t waiting = world_.waiting(); waiting != 0) {
      return fail(std::to_string(waiting) + " requests are neither answered nor refused");
    }
    if (!settle(World::Owners::are_here) && fine()) fail("apart again: " + disagreement_);
  }

  World& world_;
  Report& report_;
  std::string disagreement_;  // when it was last looked at
};

}  // namespace

void recover(World& world, Report& report) {
  Recovery(world, report).run();
}

}  // namespace weft::sim
