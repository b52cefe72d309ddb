// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>

#include "base/text.h"

namespace weft::sim {

struct World::Pipe {
  End ends[2];
  bool open = true;
  TimePoint last_arrival[2];  // towards each end: a stream keeps its order
  int ready = 0;
};

World::World(const WorldOptions& options) : options_(options), rng_(options.seed) {
  hosts_.resize(options.hosts);
  for (HostId id = 0; id < options.hosts; ++id) {
    hosts_[id].name = *PeerName::make(0x7a0000000000 + id + 1);
    hosts_[id].address = {0x0a630001 + static_cast<std::uint32_t>(id)};
    for (HostId other = 0; other < options.hosts; ++other) {
      if (other != id) hosts_[id].disk_targets.push_back("10.99.0." + std::to_string(other + 1));
    }
    start(id);
  }
}

World::~World() = default;

void World::start(HostId id) {
  Host& host = hosts_[id];
  ++host.incarnation;
  host.rng = std::make_unique<SeededRng>(rng_.next());
  host.ready.clear();
  Cidr range = *Cidr::parse(options_.range);
  PeerUid uid{rng_.next() | 1};
  std::string nickname = "h" + std::to_string(id + 1);
  peer::PeerConfig config{
      .node = {.name = host.name, .nickname = nickname, .uid = uid},
      .allocator = ipam::AllocatorConfig{.name = host.name,
                                         .uid = uid,
                                         .nickname = nickname,
                                         .universe = range,
                                         .default_subnet = range,
                                         .init = ipam::InitConsensus{.peer_count = options_.hosts},
                                         .wall = {}}};
  if (options_.password) config.node.password.emplace("simulated");
  host.peer = std::make_unique<peer::Peer>(std::move(config), *host.rng);
  call(id, [&](peer::Peer& peer, peer::PeerEffects& out) {
    peer.start(now_, host.disk, host.disk_targets, out);
  });
  check_held(id);
}

void World::run_for(Duration span) {
  TimePoint end = now_ + span;
  while (breach_.empty()) {
    TimePoint next = queue_.empty() ? end : std::min(end, queue_.begin()->first);
    std::optional<HostId> due;
    for (HostId id = 0; id < hosts_.size(); ++id) {
      auto deadline = up(id) ? hosts_[id].peer->next_deadline() : std::nullopt;
      if (!deadline || *deadline >= next) continue;
      next = *deadline;
      due = id;
    }
    now_ = std::max(now_, next);
    if (due) {
      ++events_;
      call(*due, [&](peer::Peer& peer, auto& out) { peer.on_deadline(now_, out); });
    } else if (!queue_.empty() && queue_.begin()->first <= now_) {
      ++events_;
      auto event = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      event();
    } else {
      return;
    }
  }
}

void World::crash(HostId id) {
  if (!up(id)) return;
  hosts_[id].peer.reset();
  hosts_[id].requests.clear();
  auto pipes = pipes_;
  for (const auto& [key, pipe] : pipes) {
    if (key.first == id) drop(pipe, true, true, "connection reset");
  }
}

void World::restart(HostId id) {
  if (!up(id)) start(id);
}

void World::cut(HostId a, HostId b, bool is_cut) {
  if (is_cut) {
    cuts_.insert(std::minmax(a, b));
    break_connections(a, b);
  } else {
    cuts_.erase(std::minmax(a, b));
  }
}

void World::break_connections(HostId a, HostId b) {
  auto pipes = pipes_;
  for (const auto& [key, pipe] : pipes) {
    bool between = (pipe->ends[0].host == a && pipe->ends[1].host == b) ||
                   (pipe->ends[0].host == b && pipe->ends[1].host == a);
    if (between) drop(pipe, true, true, "connection reset");
  }
}

void World::allocate(HostId id) {
  if (!up(id)) return;
  ipam::RequestId request{++last_id_};
  std::string ident = "c" + std::to_string(last_id_);
  hosts_[id].requests[request] = ident;
  call(id, [&](peer::Peer& peer, auto& out) {
    peer.allocate(now_, request, ident, *Cidr::parse(options_.range), true, out);
  });
}

void World::free_one(HostId id) {
  Host& host = hosts_[id];
  if (!up(id) || host.held.empty()) return;
  std::string ident = host.held.begin()->first;
  host.held.erase(host.held.begin());
  call(id, [&](peer::Peer& peer, auto& out) {
    if (peer.release(now_, ident, out).has_error())
      breach("a held address was not known: " + ident);
  });
}

std::size_t World::held() const {
  std::size_t n = 0;
  for (const Host& host : hosts_)
    n += host.held.size();
  return n;
}

std::size_t World::waiting() const {
  std::size_t n = 0;
  for (const Host& host : hosts_)
    n += host.requests.size();
  return n;
}

std::string World::disagreement() const {
  std::string first_ring;
  for (HostId id = 0; id < hosts_.size(); ++id) {
    if (!up(id)) continue;
    const peer::Peer& peer = *hosts_[id].peer;
    std::string who = hosts_[id].name.text();
    if (peer.node().known_peers().size() != hosts_.size()) return who + " does not know all";
    if (peer.node().unicast_routes().size() != hosts_.size()) return who + " lacks a route";
    std::string ring;
    std::uint64_t covered = 0;
    for (const ipam::RingEntryStatus& entry : peer.allocator()->status().entries) {
      ring += entry.token.text() + "=" + entry.peer.text() + " ";
      covered += entry.size;
    }
    if (covered != Cidr::parse(options_.range)->size()) return who + " covers less than the range";
    if (first_ring.empty()) first_ring = ring;
    if (ring != first_ring) return who + " has another ring: " + ring + "not " + first_ring;
  }
  return {};
}

void World::at(Duration later, std::function<void()> what) {
  queue_.emplace(now_ + later, std::move(what));
}

Duration World::latency() {
  auto max = static_cast<std::uint64_t>(options_.latency_max.count());
  return Duration(static_cast<Duration::rep>(1 + rng_.below(max)));
}

void World::call(HostId id, const PeerCall& what) {
  Host& host = hosts_[id];
  if (!host.peer) return;
  peer::PeerEffects out;
  what(*host.peer, out);
  store(host, out.store);
  for (gossip::Effect& effect : out.mesh)
    carry_out(id, effect);
  for (const ipam::effect::Reply& reply : out.replies)
    answer(id, reply);
}

void World::store(Host& host, const std::vector<peer::StoreOp>& ops) {
  for (const peer::StoreOp& op : ops) {
    if (const auto* ring = std::get_if<ipam::effect::StoreRing>(&op)) host.disk.ring = ring->ring;
    if (const auto* owned = std::get_if<ipam::effect::StoreOwned>(&op)) {
      if (owned->owned.addresses.empty()) {
        host.disk.owned.erase(owned->ident);
      } else {
        host.disk.owned[owned->ident] = owned->owned;
      }
    }
    if (const auto* targets = std::get_if<peer::StoreTargets>(&op)) {
      host.disk_targets = targets->targets;
    }
  }
}

void World::carry_out(HostId id, gossip::Effect& effect) {
  if (const auto* to_dial = std::get_if<gossip::Dial>(&effect)) dial(id, *to_dial);
  if (const auto* to_send = std::get_if<gossip::Send>(&effect)) send(id, *to_send);
  if (const auto* to_close = std::get_if<gossip::Close>(&effect)) {
    close(id, to_close->link, "closed by the peer");
  }
  if (const auto* ready = std::get_if<gossip::LinkReady>(&effect)) {
    auto pipe = pipe_of(id, ready->link);
    if (pipe && ++pipe->ready == 2) establish(pipe);
  }
}

void World::answer(HostId id, const ipam::effect::Reply& reply) {
  Host& host = hosts_[id];
  auto request = host.requests.find(reply.id);
  if (request == host.requests.end()) return breach("a reply that nobody waits for");
  std::string ident = request->second;
  host.requests.erase(request);
  const auto* allocated = std::get_if<ipam::effect::Allocated>(&reply.outcome);
  if (allocated == nullptr) return;
  for (HostId other = 0; other < hosts_.size(); ++other) {
    for (const auto& [holder, address] : hosts_[other].held) {
      if (address.addr() != allocated->address.addr()) continue;
      breach(address.text() + " was given to " + ident + " on " + host.name.text() + " while " +
             holder + " has it on " + hosts_[other].name.text());
    }
  }
  host.held[ident] = allocated->address;
  if (host.disk.owned.count(ident) == 0) breach(ident + " was answered before it was stored");
}

void World::dial(HostId from, const gossip::Dial& dial) {
  gossip::LinkId link = dial.link;
  std::uint64_t incarnation = hosts_[from].incarnation;
  Endpoint local{.ip = hosts_[from].address,
                 .port = static_cast<std::uint16_t>(20000 + rng_.below(40000))};
  at(latency(), [this, from, link, incarnation, local, to = dial.to] {
    if (!up(from) || hosts_[from].incarnation != incarnation) return;
    auto target = static_cast<HostId>(to.ip.value - 0x0a630001);
    bool there = target < hosts_.size() && up(target) && !is_cut(from, target);
    std::optional<gossip::LinkId> accepted;
    auto pipe = std::make_shared<Pipe>();
    if (there) {
      call(target, [&](peer::Peer& peer, auto& out) {
        accepted = peer.on_accept(now_, to, local, out);
        if (!accepted) return;
        pipe->ends[0] = {from, link, incarnation};
        pipe->ends[1] = {target, *accepted, hosts_[target].incarnation};
        pipes_[{from, link}] = pipe;
        pipes_[{target, *accepted}] = pipe;
      });
    }
    call(from, [&](peer::Peer& peer, auto& out) {
      if (accepted) {
        peer.on_dialled(now_, link, local, out);
      } else {
        peer.on_dial_failed(now_, link, "Connection refused", out);
      }
    });
  });
}

void World::send(HostId from, const gossip::Send& send) {
  auto pipe = pipe_of(from, send.link);
  if (!pipe) return;
  int towards = pipe->ends[0].host == from && pipe->ends[0].link == send.link ? 1 : 0;
  TimePoint arrival = std::max(now_ + latency(), pipe->last_arrival[towards]);
  pipe->last_arrival[towards] = arrival;
  queue_.emplace(arrival, [this, pipe, towards, bytes = send.bytes] {
    if (!pipe->open) return;
    const End to = pipe->ends[towards];
    const End back = pipe->ends[1 - towards];
    call(to.host, [&](peer::Peer& p, auto& out) { p.on_bytes(now_, to.link, bytes, out); });
    if (!pipe->open || !alive(back)) return;
    call(back.host, [&](peer::Peer& p, auto& out) { p.on_drained(now_, back.link, out); });
  });
}

void World::close(HostId from, gossip::LinkId link, const std::string& why) {
  auto pipe = pipe_of(from, link);
  if (!pipe) return;
  bool first = pipe->ends[0].host == from && pipe->ends[0].link == link;
  drop(pipe, !first, first, why);
}

void World::establish(const std::shared_ptr<Pipe>& pipe) {
  at(latency(), [this, pipe] {
    for (const End end : {pipe->ends[0], pipe->ends[1]}) {
      if (!pipe->open) return;
      call(end.host,
           [&](peer::Peer& peer, auto& out) { peer.on_overlay_established(now_, end.link, out); });
    }
  });
}

void World::drop(const std::shared_ptr<Pipe>& pipe, bool tell_first, bool tell_second,
                 const std::string& why) {
  if (!std::exchange(pipe->open, false)) return;
  const bool tell[2] = {tell_first, tell_second};
  for (int i = 0; i < 2; ++i) {
    const End end = pipe->ends[i];
    pipes_.erase({end.host, end.link});
    if (!tell[i]) continue;
    at(latency(), [this, end, why] {
      if (!alive(end)) return;
      call(end.host,
           [&](peer::Peer& peer, auto& out) { peer.on_closed(now_, end.link, why, out); });
    });
  }
}

bool World::alive(const End& end) const {
  return up(end.host) && hosts_[end.host].incarnation == end.incarnation;
}

std::shared_ptr<World::Pipe> World::pipe_of(HostId host, gossip::LinkId link) const {
  auto found = pipes_.find({host, link});
  return found == pipes_.end() ? nullptr : found->second;
}

void World::breach(const std::string& what) {
  if (breach_.empty()) breach_ = what;
}

// A host that came back must still know every address that clients were told of.
void World::check_held(HostId id) {
  const Host& host = hosts_[id];
  for (const auto& [ident, address] : host.held) {
    auto owned = host.peer->allocator()->owned().find(ident);
    if (owned == host.peer->allocator()->owned().end() || owned->second.addresses.empty()) {
      breach(address.text() + " of " + ident + " was forgotten by a restart");
    }
  }
}

}  // namespace weft::sim
