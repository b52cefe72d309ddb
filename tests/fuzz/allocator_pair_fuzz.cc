// SPDX-License-Identifier: Apache-2.0
// Two allocators and the network and clients that the fuzzer plays: messages come late, twice or
// never, either side crashes in the middle of the effects of a call and restarts from what it had
// stored. No address is ever in use on both; and when all is delivered, both have the same ring.
#include <deque>
#include <map>
#include <memory>

#include "base/ensure.h"
#include "ipam-crdt/allocator.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/interval_set.h"
#include "ipam-crdt/range_wire.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::ipam;

namespace {

class Network final : public MeshView {
 public:
  bool known(PeerName) const override { return true; }
  bool reachable(PeerName) const override { return true; }
  std::size_t active_target_count() const override { return 1; }
};

// What the slowest takes: a claim that is tried until its owner's answer, and a second ring's end.
constexpr int kSettleRounds = 40;
// Longer histories find nothing that two shorter ones do not, and cost as much as both.
constexpr int kStepsMax = 150;

PeerName name(std::size_t host) {
  return PeerName::from_u48((std::uint64_t{0x7a} << 40) + host + 1);
}

enum class Way { gossip, broadcast, unicast };
struct Message {
  Way way;
  Bytes payload;
};

class Play {
 public:
  explicit Play(ByteView input) : choices_(input), consensus_(choices_.byte() % 2 == 0) {
    for (std::size_t host : {0U, 1U})
      start(host);
  }

  void run() {
    for (int steps = 0; steps < kStepsMax && !choices_.empty(); ++steps) {
      step();
      check();
    }
    settle();
  }

 private:
  void start(std::size_t host) {
    InitMode init = InitSeed{.peers = {name(0), name(1)}};
    if (consensus_) init = InitConsensus{.peer_count = 2};
    allocators_[host] = std::make_unique<Allocator>(AllocatorConfig{.name = name(host),
                                                                    .uid = {++lives_},
                                                                    .nickname = "h",
                                                                    .universe = universe_,
                                                                    .default_subnet = universe_,
                                                                    .init = init,
                                                                    .wall = {}},
                                                    rng_, network_);
    Effects effects;
    allocators_[host]->start(now_, disk_[host], effects);
    carry_out(host, effects, effects.size());
  }

  void step() {
    std::uint8_t what = choices_.byte();
    std::size_t host = what & 1;
    Allocator& allocator = *allocators_[host];
    std::string ident = "c" + std::to_string(what >> 5);
    Effects effects;
    std::size_t until = ~std::size_t{0};
    switch (what >> 1 & 15) {
      case 0:
        allocator.allocate(now_, {++requests_}, ident, universe_, false, effects);
        break;
      case 1: {
        Ipv4Addr addr = universe_.first() + choices_.byte() % 16;
        allocator.claim(now_, {++requests_}, ident, *Cidr::make(addr, 28), {}, effects);
        break;
      }
      case 2:
        (void)allocator.release(now_, ident, effects);
        break;
      case 3:
        now_ += std::chrono::seconds(choices_.byte() % 8);
        break;
      case 4:
        allocator.on_deadline(now_, effects);
        break;
      case 5:  // crash within the next delivery
        until = choices_.byte() % 4;
        deliver(host, effects);
        break;
      case 6:
        send(host, {Way::gossip, allocator.state(now_)});
        break;
      case 7:
        lose(host);
        break;
      case 8:
        repeat(host);
        break;
      case 9:
        swap(host);
        break;
      default:
        deliver(host, effects);
        break;
    }
    carry_out(host, effects, until);
    if (until < effects.size()) start(host);
  }

  void deliver(std::size_t host, Effects& effects) {
    auto& queue = queues_[host];
    if (queue.empty()) return;
    Message message = std::move(queue.front());
    queue.pop_front();
    Allocator& allocator = *allocators_[host];
    PeerName from = name(1 - host);
    Result<> result;
    switch (message.way) {
      case Way::gossip:
        result = allocator.on_gossip(now_, message.payload, effects);
        break;
      case Way::broadcast:
        result = allocator.on_broadcast(now_, from, message.payload, effects);
        break;
      case Way::unicast:
        result = allocator.on_unicast(now_, from, message.payload, effects);
        break;
    }
    ensure(result.has_value(), "fuzz: an honest peer is refused");
  }

  void carry_out(std::size_t host, const Effects& effects, std::size_t until) {
    for (std::size_t i = 0; i < effects.size() && i < until; ++i) {
      const Effect& e = effects[i];
      if (const auto* ring = std::get_if<effect::StoreRing>(&e)) disk_[host].ring = ring->ring;
      if (const auto* owned = std::get_if<effect::StoreOwned>(&e)) {
        disk_[host].owned[owned->ident] = owned->owned;
        if (owned->owned.addresses.empty()) disk_[host].owned.erase(owned->ident);
      }
      if (std::holds_alternative<effect::Broadcast>(e)) {
        send(host, {Way::broadcast, allocators_[host]->state(now_)});
      }
      if (const auto* unicast = std::get_if<effect::Unicast>(&e)) {
        ensure(parse_unicast(unicast->payload).has_value(), "fuzz: a unicast that hangs Go");
        send(host, {Way::unicast, unicast->payload});
      }
    }
  }

  void send(std::size_t from, Message message) {
    if (queues_[1 - from].size() < 64) queues_[1 - from].push_back(std::move(message));
  }
  void lose(std::size_t host) {
    if (!queues_[host].empty()) queues_[host].pop_front();
  }
  void repeat(std::size_t host) {
    if (!queues_[host].empty()) queues_[host].push_back(queues_[host].front());
  }
  void swap(std::size_t host) {
    auto& queue = queues_[host];
    if (queue.size() > 1) std::swap(queue.front(), queue[choices_.byte() % queue.size()]);
  }

  RingData ring_of(std::size_t host) {
    Bytes bytes = allocators_[host]->state(now_);
    auto state = parse_state(bytes);
    ensure(state.has_value(), "fuzz: a state that cannot be read");
    RingData ring = state->ring.value_or(RingData{});
    ring.holder = {};
    return ring;
  }

  // What each believes to be its own, and so may hand out, is not the other's.
  void check() {
    IntervalSet first(own_ranges(0));
    for (IpRange range : own_ranges(1)) {
      ensure(!first.intersects(range), "fuzz: a range has two owners");
    }
  }

  // By status, which costs far less than encoding a state and decoding it.
  std::vector<IpRange> own_ranges(std::size_t host) const {
    std::vector<IpRange> out;
    for (const RingEntryStatus& entry : allocators_[host]->status().entries) {
      if (entry.peer == name(host)) out.push_back({entry.token, entry.token + entry.size});
    }
    return out;
  }

  // Time goes on and all is delivered, until the rings are the same and nobody waits for anything.
  void settle() {
    for (int round = 0; round < kSettleRounds; ++round) {
      now_ += std::chrono::seconds(6);
      for (std::size_t host : {0U, 1U}) {
        send(host, {Way::gossip, allocators_[host]->state(now_)});
        Effects effects;
        allocators_[host]->on_deadline(now_, effects);
        carry_out(host, effects, effects.size());
      }
      deliver_all();
      check();
      if (settled()) return;
    }
    ensure(ring_of(0) == ring_of(1), "fuzz: the rings differ in the end");
    ensure(settled(), "fuzz: something is pending for ever");
  }

  void deliver_all() {
    for (int i = 0; i < 200 && !(queues_[0].empty() && queues_[1].empty()); ++i) {
      std::size_t host = static_cast<std::size_t>(i) & 1;
      Effects effects;
      deliver(host, effects);
      carry_out(host, effects, effects.size());
    }
  }

  bool settled() {
    if (!queues_[0].empty() || !queues_[1].empty()) return false;
    for (const auto& allocator : allocators_) {
      if (allocator->next_deadline()) return false;
    }
    return ring_of(0) == ring_of(1);
  }

  fuzz::Choices choices_;
  bool consensus_;
  SeededRng rng_{1};
  Network network_;
  Cidr universe_ = *Cidr::parse("10.32.0.0/28");
  TimePoint now_{std::chrono::seconds(100)};
  std::unique_ptr<Allocator> allocators_[2];
  StoredAllocator disk_[2];
  std::deque<Message> queues_[2];  // towards each
  std::uint64_t lives_ = 0;
  std::uint64_t requests_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(fuzz::view(data, size)).run();
  return 0;
}
