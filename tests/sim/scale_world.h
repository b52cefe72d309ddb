// SPDX-License-Identifier: Apache-2.0
// Very many whole peers under virtual time, for measuring: events in a heap, each host's deadline
// looked up only after something happened to it, streams without loss. What faults do to a few
// peers is World's subject; this one counts bytes and seconds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/rng.h"
#include "router/peer/peer.h"

namespace weft::sim {

struct ScaleOptions {
  std::uint64_t seed = 1;
  std::size_t hosts = 10;
  std::size_t conn_limit = 0;  // 0: none, a full mesh
  bool delta = true;
  bool ipam = true;
  std::size_t seeds = 3;  // how many hosts everybody has as targets
  // The last so many hosts dial nobody but their targets and have no limit: when all others have as
  // many connections as they may, these take another.
  std::size_t with_room = 0;
  Duration latency_max = std::chrono::milliseconds(20);
};

class ScaleWorld {
 public:
  explicit ScaleWorld(const ScaleOptions& options);
  ScaleWorld(const ScaleWorld&) = delete;
  ScaleWorld& operator=(const ScaleWorld&) = delete;
  ~ScaleWorld();

  // Starts a host that is down, or a new one.
  void start(std::size_t id);
  void kill(std::size_t id);  // its sockets close
  // Closes one connection of the host, if it has one.
  void break_connection(std::size_t id);
  bool up(std::size_t host) const { return host < hosts_.size() && hosts_[host]->peer != nullptr; }
  std::size_t size() const { return hosts_.size(); }
  std::size_t live() const;

  void run_for(Duration span);
  // Runs until all agree; nothing if they do not within `limit`. Looked at every 100 ms.
  std::optional<Duration> run_until_converged(Duration limit);
  // Whether every live host knows exactly the live ones, reaches each, and all know the same.
  bool converged() const;
  // Which of that is not so, for people.
  std::string disagreement() const;

  TimePoint now() const { return now_; }
  Rng& rng() { return rng_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t events() const { return events_; }
  std::size_t connections() const;
  const gossip::Node& node(std::size_t host) const { return hosts_[host]->peer->node(); }

  // What leads out of this world: dials to addresses of nobody here, and whatever concerns links
  // that are no connection between two hosts of it. Without a handler nobody is there.
  using Outside = std::function<void(std::size_t host, gossip::Effect& effect)>;
  void on_outside(Outside handler) { outside_ = std::move(handler); }
  using PeerCall = std::function<void(peer::Peer&, peer::PeerEffects&)>;
  // Calls the host's peer, if it is up, and carries out what comes of it.
  void call(std::size_t id, const PeerCall& what);
  static Ipv4Addr address(std::size_t host);
  // Of which host it is the address, whether there is such a host or not.
  static std::size_t host_at(Ipv4Addr address);
  std::optional<TimePoint> next_event() const;

 private:
  struct Pipe;
  struct End {
    std::size_t host = 0;
    gossip::LinkId link;
    std::uint64_t incarnation = 0;
  };
  struct Host {
    std::unique_ptr<SeededRng> rng;
    std::unique_ptr<peer::Peer> peer;
    std::uint64_t incarnation = 0;
    std::map<gossip::LinkId, std::shared_ptr<Pipe>> pipes;
    std::optional<TimePoint> deadline;
  };
  struct Event {
    TimePoint at;
    std::uint64_t number = 0;  // of two at one time the first put in comes first
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return std::tie(other.at, other.number) < std::tie(at, number);
    }
  };

  void at(TimePoint when, std::function<void()> what);
  Duration latency();
  bool alive(const End& end) const;
  void arm(std::size_t id);
  void carry_out(std::size_t id, gossip::Effect& effect);
  void dial(std::size_t from, const gossip::Dial& dial);
  void send(std::size_t from, gossip::Send& send);
  void establish(const std::shared_ptr<Pipe>& pipe);
  void drop(const std::shared_ptr<Pipe>& pipe, std::optional<std::size_t> quiet_end);

  ScaleOptions options_;
  Outside outside_;
  SeededRng rng_;
  TimePoint now_{std::chrono::hours(1)};
  std::priority_queue<Event> queue_;
  std::uint64_t numbered_ = 0;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::uint64_t bytes_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace weft::sim
