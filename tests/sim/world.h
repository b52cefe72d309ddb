// SPDX-License-Identifier: Apache-2.0
// Whole peers, unchanged, in one process under virtual time: the world between them is a queue of
// events with latencies, broken connections, cut pairs and hosts that crash and come back with
// their disk. One seed is one history.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "router/peer/peer.h"

namespace weft::sim {

using HostId = std::size_t;

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t hosts = 3;
  std::string range = "10.32.0.0/16";
  bool password = true;
  Duration latency_max = std::chrono::milliseconds(40);
};

class World {
 public:
  explicit World(const WorldOptions& options);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  // Time. Every event is followed by the checks of invariants; the first breach is kept.
  void run_for(Duration span);
  TimePoint now() const { return now_; }
  std::uint64_t events() const { return events_; }
  const std::string& breach() const { return breach_; }

  // Faults.
  void crash(HostId host);    // SIGKILL: what was stored stays, the rest is gone
  void restart(HostId host);  // with its disk
  void cut(HostId a, HostId b, bool is_cut);
  void break_connections(HostId a, HostId b);
  bool up(HostId host) const { return hosts_[host].peer != nullptr; }

  // Clients of the allocator.
  void allocate(HostId host);
  void free_one(HostId host);
  std::size_t held() const;
  std::size_t waiting() const;

  // Empty if all live hosts know and reach one another and have the same ring; else what differs.
  std::string disagreement() const;
  Rng& rng() { return rng_; }
  std::size_t size() const { return hosts_.size(); }

 private:
  struct Host {
    PeerName name;
    Ipv4Addr address;
    std::unique_ptr<SeededRng> rng;
    std::unique_ptr<peer::Peer> peer;
    std::uint64_t incarnation = 0;
    ipam::StoredAllocator disk;
    std::vector<std::string> disk_targets;
    std::map<std::string, Cidr> held;                 // what clients were told
    std::map<ipam::RequestId, std::string> requests;  // what clients wait for
    std::set<gossip::LinkId> ready;
  };
  struct Pipe;  // one TCP connection
  struct End {
    HostId host = 0;
    gossip::LinkId link;
    std::uint64_t incarnation = 0;
  };
  using PeerCall = std::function<void(peer::Peer&, peer::PeerEffects&)>;

  void start(HostId id);
  void at(Duration later, std::function<void()> what);
  Duration latency();
  bool is_cut(HostId a, HostId b) const { return cuts_.count(std::minmax(a, b)) != 0; }
  void call(HostId id, const PeerCall& what);
  void store(Host& host, const std::vector<peer::StoreOp>& ops);
  void carry_out(HostId id, gossip::Effect& effect);
  void answer(HostId id, const ipam::effect::Reply& reply);
  void dial(HostId from, const gossip::Dial& dial);
  void send(HostId from, const gossip::Send& send);
  void close(HostId from, gossip::LinkId link, const std::string& why);
  void establish(const std::shared_ptr<Pipe>& pipe);
  void drop(const std::shared_ptr<Pipe>& pipe, bool tell_first, bool tell_second,
            const std::string& why);
  bool alive(const End& end) const;
  std::shared_ptr<Pipe> pipe_of(HostId host, gossip::LinkId link) const;
  void breach(const std::string& what);
  void check_held(HostId id);

  WorldOptions options_;
  SeededRng rng_;
  TimePoint now_{std::chrono::hours(1)};
  std::multimap<TimePoint, std::function<void()>> queue_;
  std::vector<Host> hosts_;
  std::map<std::pair<HostId, gossip::LinkId>, std::shared_ptr<Pipe>> pipes_;
  std::set<std::pair<HostId, HostId>> cuts_;
  std::uint64_t events_ = 0;
  std::uint64_t last_id_ = 0;
  std::string breach_;
};

}  // namespace weft::sim
