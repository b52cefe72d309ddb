// SPDX-License-Identifier: Apache-2.0
// The disturbed part of a history: its shape, and one disturbance after the other.
#include "tests/sim/history.h"

#include "tests/sim/recovery.h"

namespace weft::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kStepsMin = 60;
constexpr std::size_t kStepsMax = 120;
// Limits on connections are drawn apart from everything else.
constexpr std::uint64_t kLimitSalt = 0x6c696d6974;

class History {
 public:
  History(std::uint64_t seed, std::ostream* story)
      : shape_(seed), conn_limit_(choose_limit(seed)), report_{.seed = seed} {
    choose_faults();
    world_.emplace(shape(story));
    report_.hosts = world_->size();
    report_.conn_limit = conn_limit_;
    if (enabled(Fault::hidden)) hide_some();
  }

  Report run() {
    world_->run_for(Duration(static_cast<Duration::rep>(below(3000))) * 1'000'000);
    std::size_t steps = kStepsMin + below(kStepsMax - kStepsMin + 1);
    for (std::size_t i = 0; i < steps && world_->breach().empty(); ++i)
      step();
    report_.disputed = world_->ledger().disputed();
    recover(*world_, report_);
    report_.events = world_->events();
    return report_;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return shape_.below(bound); }
  HostId any() { return below(world_->size()); }
  HostId other_than(HostId host) { return (host + 1 + below(world_->size() - 1)) % world_->size(); }
  bool enabled(Fault fault) const { return enabled_.count(fault) != 0; }
  void happened(Fault fault) { report_.faults.insert(fault); }
  // Not until somebody feels it.
  void expect(Fault fault, Network::Condition condition, HostId from, HostId to) {
    expected_.push_back({fault, condition, from, to});
  }

  void choose_faults() {
    bool rough = below(2) == 0;
    for (std::size_t i = 0; i < kFaultCount; ++i) {
      auto fault = static_cast<Fault>(i);
      bool is_rough = fault >= kFirstRough;
      if (is_rough ? rough && below(10) < 4 : below(10) < 5) enabled_.insert(fault);
    }
    for (Fault fault : enabled_) {
      if (fault != Fault::hidden && fault != Fault::late_start) kinds_.push_back(fault);
    }
  }

  WorldOptions shape(std::ostream* story) {
    static constexpr std::string_view kRanges[] = {"10.32.0.0/20", "10.32.0.0/20", "10.32.1.0/24",
                                                   "10.32.0.128/26"};
    WorldOptions options{.seed = shape_.next(), .hosts = 5 + below(9), .story = story};
    options.range = std::string(kRanges[below(4)]);
    options.password = below(3) == 0;
    options.latency_max = std::chrono::milliseconds(1 + below(200));
    options.bytes_per_second = std::uint64_t{1} << (17 + below(10));
    options.targets = below(2) == 0 ? 0 : 2 + below(2);
    if (below(3) == 0) options.plain_gossip = below(options.hosts + 1);
    if (conn_limit_) options.conn_limit = *conn_limit_;
    std::uint64_t way = below(8);
    if (way == 0) options.seeds = 1 + below(3);
    if (way == 1) options.observers = 1 + below(2);
    if (enabled(Fault::late_start)) {
      options.late = 1 + below(2);
      happened(Fault::late_start);
    }
    return options;
  }

  // Not those that all others are told to dial.
  void hide_some() {
    HostId hidden = world_->size() - 2 + below(2);
    world_->network().hide(hidden, true);
    expect(Fault::hidden, Network::Condition::hidden, hidden, hidden);
  }

  void step() {
    if (below(8) == 0) comeback();
    if (below(12) == 0) world_->network().heal();
    if (kinds_.empty() || below(2) == 0) {
      client();
    } else {
      disturb(kinds_[below(kinds_.size())]);
    }
    auto pause = below(25) == 0 ? 10s + std::chrono::seconds(below(80))
                                : std::chrono::milliseconds(20 + below(2500));
    world_->run_for(pause);
    feel();
  }

  void feel() {
    std::erase_if(expected_, [&](const Expected& e) {
      bool is_felt = world_->network().felt(e.condition, e.from, e.to);
      if (is_felt) happened(e.fault);
      return is_felt;
    });
    if (world_->names_shared()) happened(Fault::shared_name);
  }

  void comeback() { world_->restart(any()); }

  void client() {
    HostId host = any();
    switch (below(8)) {
      case 0:
      case 1:
        return world_->free_one(host);
      case 2:
        return world_->wait_for_ring(host);
      case 3: {
        IpRange universe = world_->ledger().universe();
        auto nth = static_cast<std::uint32_t>(below(universe.size() / 32));
        return world_->allocate(host, Cidr::make(universe.start + 32 * nth, 27));
      }
      default:
        return world_->allocate(host);
    }
  }

  void disturb(Fault fault) {
    if (fault >= kFirstRough) {
      report_.rough = true;
      if (rough(fault)) happened(fault);
      return;
    }
    HostId a = any();
    HostId b = other_than(a);
    if (is_of_network(fault)) return disturb_network(fault, a, b);
    bool happens = world_->up(a);
    if (fault == Fault::crash || fault == Fault::power_loss) {
      world_->crash(a, fault == Fault::crash);
      if (below(3) == 0) world_->restart(a);
    } else if (fault == Fault::claim) {
      world_->claim(a, below(4) == 0);
    } else if (fault == Fault::cancel) {
      happens = cancel(a);
    } else {
      operate(fault, a, b);
    }
    if (happens) happened(fault);
  }

  // Of the first host that has somebody waiting.
  bool cancel(HostId first) {
    for (HostId i = 0; i < world_->size(); ++i) {
      if (world_->cancel_one((first + i) % world_->size())) return true;
    }
    return false;
  }

  static bool is_of_network(Fault fault) {
    return fault == Fault::partition || fault == Fault::cut || fault == Fault::one_way ||
           fault == Fault::broken_link || fault == Fault::slow_link || fault == Fault::no_overlay;
  }

  void disturb_network(Fault fault, HostId a, HostId b) {
    using Condition = Network::Condition;
    Network& network = world_->network();
    std::string pair = " h" + std::to_string(a + 1) + " h" + std::to_string(b + 1);
    world_->tell("network: " + std::string(to_string(fault)) + pair);
    if (fault == Fault::partition) {
      partition();
    } else if (fault == Fault::cut) {
      cut(fault, a, b);
    } else if (fault == Fault::one_way) {
      network.freeze(a, b, true);
      expect(fault, Condition::frozen, a, b);
    } else if (fault == Fault::broken_link) {
      if (network.break_connections(a, b) != 0) happened(fault);
    } else if (fault == Fault::slow_link) {
      network.throttle(a, 20'000);
      expect(fault, Condition::slow, a, a);
    } else {
      network.block_overlay(a, b, true);
      expect(fault, Condition::blocked, a, b);
      expect(fault, Condition::blocked, b, a);
    }
  }

  void cut(Fault fault, HostId a, HostId b) {
    world_->network().cut(a, b, true);
    expect(fault, Network::Condition::cut, a, b);
    expect(fault, Network::Condition::cut, b, a);
  }

  void partition() {
    std::vector<bool> side;
    for (HostId host = 0; host < world_->size(); ++host)
      side.push_back(below(2) == 0);
    bool is_reset = below(2) == 0;
    for (HostId a = 0; a < side.size(); ++a) {
      for (HostId b = a + 1; b < side.size(); ++b) {
        if (side[a] == side[b]) continue;
        cut(Fault::partition, a, b);
        if (is_reset) world_->network().break_connections(a, b);
      }
    }
  }

  void operate(Fault fault, HostId a, HostId b) {
    if (!world_->up(a)) return;
    if (fault == Fault::forget) return world_->forget(a, b);
    std::vector<HostId> to{b};
    if (below(2) == 0) to.push_back(other_than(a));
    world_->connect(a, to, below(2) == 0);
  }

  // False: it could not happen now.
  bool rough(Fault fault) {
    HostId a = any();
    HostId b = other_than(a);
    if (fault == Fault::rmpeer) return remove_peer(a, b);
    if (fault == Fault::reset) {
      bool happens = world_->up(a) && below(3) == 0;
      if (happens) world_->reset(a);
      return happens;
    }
    if (fault == Fault::old_disk && !backed_up(a)) return false;
    world_->crash(a, below(2) == 0);
    bool happens = world_->has_stored(a);
    if (fault == Fault::lost_disk) world_->lose_disk(a);
    if (fault == Fault::renamed) world_->lose_disk(a, true);
    if (fault == Fault::old_disk) happens = world_->rewind(a);
    if (fault == Fault::shared_name) {
      world_->take_name(a, b);
      happens = false;  // until both are there
    }
    if (below(2) == 0) world_->restart(a);
    return happens;
  }

  // A copy is taken the first time, and comes back the second.
  bool backed_up(HostId host) {
    if (below(2) == 0 && backups_.count(host) != 0) return true;
    world_->back_up(host);
    backups_.insert(host);
    return false;
  }

  // As the command does: a name that is within reach is refused, unless forced.
  bool remove_peer(HostId a, HostId b) {
    if (!world_->up(a)) return false;
    PeerName victim = world_->name(b);
    if (!world_->gone().empty() && below(2) == 0) victim = *world_->gone().begin();
    bool is_forced = below(8) == 0;
    if (world_->peer(a).node().reachable(victim) && !is_forced) return false;
    world_->remove_peer(a, victim);
    return true;
  }

  static std::optional<std::size_t> choose_limit(std::uint64_t seed) {
    SeededRng rng(seed ^ kLimitSalt);
    if (rng.below(4) != 0) return std::nullopt;
    return 2 + rng.below(4);
  }

  struct Expected {
    Fault fault;
    Network::Condition condition;
    HostId from;
    HostId to;
  };

  SeededRng shape_;
  std::optional<std::size_t> conn_limit_;
  Report report_;
  std::vector<Expected> expected_;
  std::set<Fault> enabled_;
  std::vector<Fault> kinds_;
  std::set<HostId> backups_;
  std::optional<World> world_;
};

}  // namespace

Report play(std::uint64_t seed, std::ostream* story) {
  return History(seed, story).run();
}

}  // namespace weft::sim
