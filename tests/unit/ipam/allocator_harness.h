// SPDX-License-Identifier: Apache-2.0
// Several allocators in one process, joined by a fake mesh with delay, loss and partitions under a
// virtual clock, all of it replayable from a seed. Clients are played too, and what they were told
// is the truth that the allocators are checked against.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipam-crdt/allocator.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/ring.h"

namespace weft::ipam::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline PeerName name_of(std::size_t node) {
  return PeerName::from_u48(0x7a0000000001ULL + node);
}

// 1..count, or what WEFT_SEEDS ("FROM..TO") says instead.
std::vector<std::uint64_t> seeds(std::uint64_t count);

struct WorldConfig {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;
  std::string universe = "10.32.0.0/24";
  std::string init = "consensus=3";
  std::map<std::size_t, std::string> init_of = {};  // of single nodes
  unsigned loss_percent = 0;
  Duration delay_max = milliseconds(50);
};

class World {
 public:
  explicit World(WorldConfig config);

  // Hosts. Nodes are counted from 0; all are down at first.
  void start(std::size_t node);
  void start_all();
  void crash(std::size_t node);
  // The next call that has effects is cut off after `effects` of them, and the node crashes.
  void crash_within(std::size_t node, std::size_t effects) { hosts_[node].cut = effects; }
  void crash_no_more(std::size_t node) { hosts_[node].cut.reset(); }
  void wipe(std::size_t node);  // the disk of a node that is down
  void disconnect(std::size_t a, std::size_t b);
  void connect(std::size_t a, std::size_t b);
  void set_loss(unsigned percent) { config_.loss_percent = percent; }
  bool up(std::size_t node) const { return hosts_[node].allocator != nullptr; }
  Allocator& at(std::size_t node) { return *hosts_[node].allocator; }
  std::size_t size() const { return hosts_.size(); }

  // Clients. The number of the request, for outcome().
  std::uint64_t allocate(std::size_t node, const std::string& ident,
                         const std::string& subnet = "");
  std::uint64_t claim(std::size_t node, const std::string& ident, const std::string& address,
                      bool no_error = false);
  std::uint64_t prime(std::size_t node);
  void cancel(std::size_t node, std::uint64_t request);
  void release(std::size_t node, const std::string& ident);
  std::uint64_t take_over(std::size_t node, std::size_t victim);
  void shut_down(std::size_t node);
  // "" while it is pending; else the address, "done", "cancelled" or "refused: <why>".
  std::string outcome(std::uint64_t request) const;
  // What clients of the node hold, as far as they were told.
  std::map<Ipv4Addr, std::string> held_at(std::size_t node) const;

  TimePoint now() const { return now_; }
  Rng& rng() { return rng_; }
  void run(Duration time);
  void check();            // what must hold at any moment
  void check_converged();  // what must hold when all is quiet and connected
  std::size_t refusals() const { return refusals_; }
  std::size_t messages() const { return messages_; }
  RingData ring_of(std::size_t node) const;

 private:
  class View final : public MeshView {
   public:
    View(const World& world, std::size_t node) : world_(world), node_(node) {}
    bool known(PeerName peer) const override { return reachable(peer); }
    bool reachable(PeerName peer) const override;
    std::size_t active_target_count() const override { return world_.size() - 1; }

   private:
    const World& world_;
    std::size_t node_;
  };
  struct Host {
    std::unique_ptr<View> view;
    std::unique_ptr<SeededRng> rng;
    std::unique_ptr<Allocator> allocator;
    StoredAllocator disk;
    std::optional<std::size_t> cut;
    TimePoint gossip_at;
    std::uint64_t life = 0;
  };
  enum class Way { gossip, broadcast, unicast };
  struct Message {
    Way way = Way::gossip;
    std::size_t from = 0;
    std::size_t to = 0;
    Bytes payload;
  };
  struct Request {
    std::size_t node = 0;
    std::string ident;
    std::optional<Cidr> claimed;
    bool sure = true;  // "done" means that the address is held
    std::string outcome;
    bool released = false;
  };

  bool linked(std::size_t a, std::size_t b) const;
  void send(Way way, std::size_t from, std::size_t to, Bytes payload);
  void deliver(const Message& message);
  // Carries the effects out, or a part of them if the node is to crash.
  void carry_out(std::size_t node, Effects effects);
  void apply(std::size_t node, const Effect& effect);
  void answer(std::size_t node, const effect::Reply& reply);
  bool step(TimePoint until);
  std::uint64_t new_request(std::size_t node, const std::string& ident);

  WorldConfig config_;
  SeededRng rng_;
  Cidr universe_;
  TimePoint now_;
  std::vector<Host> hosts_;
  std::set<std::pair<std::size_t, std::size_t>> cut_links_;
  std::multimap<TimePoint, Message> in_flight_;
  std::map<std::uint64_t, Request> requests_;
  std::uint64_t next_request_ = 1;
  std::map<Ipv4Addr, std::pair<std::size_t, std::string>> held_;
  std::size_t refusals_ = 0;
  std::size_t messages_ = 0;
};

}  // namespace weft::ipam::test
