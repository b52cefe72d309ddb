// SPDX-License-Identifier: Apache-2.0
// The life of simulated hosts: time, starts and ends, and how their effects are carried out.
#include "tests/sim/world.h"

#include <algorithm>

#include "ipam-crdt/ring_wire.h"
#include "tests/sim/route_reference.h"

namespace weft::sim {
namespace {

// Deadlines that one event may leave due at the same moment, of all hosts together.
constexpr std::size_t kTurnsAtOnceMax = 10'000;

std::optional<ipam::RingData> ring_of(const ipam::StoredAllocator& disk) {
  if (!disk.ring) return std::nullopt;
  auto ring = ipam::parse_ring(*disk.ring);
  if (!ring || ring->entries.empty()) return std::nullopt;  // no ring yet: only a promise
  return *ring;
}

// No two hosts' clocks agree: from 1970 to days ahead.
WallOffset wall_of(HostId host) {
  constexpr auto kToday = std::chrono::seconds(1'700'000'000);
  constexpr auto kApart = std::chrono::seconds(7777);
  if (host % 5 == 4) return {};
  return {kToday + kApart * static_cast<int>(host * host)};
}

std::string target_of(HostId host) {
  return Network::address_of(host).text();
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      rng_(options.seed),
      timeline_(options.story),
      ledger_(range().range(), options.hosts),
      hosts_(options.hosts),
      network_({.hosts = options.hosts,
                .latency_max = options.latency_max,
                .bytes_per_second = options.bytes_per_second},
               timeline_, rng_, *this) {
  std::size_t told = options.targets == 0 ? options.hosts : options.targets;
  for (HostId id = 0; id < options.hosts; ++id) {
    new_name(id);
    first_names_.push_back(hosts_[id].name);
    hosts_[id].nickname = "h" + std::to_string(id + 1);
    for (HostId other = 0; other < told; ++other) {
      if (other != id) hosts_[id].disk.targets.push_back(target_of(other));
    }
  }
  for (HostId id = 0; id + options.late < options.hosts; ++id)
    start(id);
}

World::~World() = default;

void World::new_name(HostId id) {
  // Names are not in the order of hosts: ties are broken by name.
  std::uint64_t number = ++last_name_;
  hosts_[id].name =
      PeerName::from_u48(0x7a0000000000 + ((number * 0x9e3779b1) & 0xffff) * 0x10000 + number);
  ledger_.born(hosts_[id].name);
}

peer::PeerConfig World::config_of(HostId id) {
  Host& host = hosts_[id];
  PeerUid uid{rng_.next() | 1};
  ipam::InitMode init = ipam::InitConsensus{.peer_count = options_.hosts - options_.observers};
  if (options_.seeds != 0) {
    init = ipam::InitSeed{
        {first_names_.begin(), first_names_.begin() + static_cast<std::ptrdiff_t>(options_.seeds)}};
  } else if (id + options_.observers >= options_.hosts) {
    init = ipam::InitObserver{};
  }
  peer::PeerConfig config{.node = {.name = host.name,
                                   .nickname = host.nickname,
                                   .uid = uid,
                                   .conn_limit = options_.conn_limit,
                                   .delta_gossip = id >= options_.plain_gossip},
                          .allocator = ipam::AllocatorConfig{.name = host.name,
                                                             .uid = uid,
                                                             .nickname = host.nickname,
                                                             .universe = range(),
                                                             .default_subnet = range(),
                                                             .init = std::move(init),
                                                             .wall = wall_of(id)}};
  if (options_.password) config.node.password.emplace("simulated");
  return config;
}

void World::start(HostId id) {
  Host& host = hosts_[id];
  ++host.runs;
  host.lenient_claims = 0;
  tell(host.nickname + " starts as " + host.name.text() + ", " +
       (ring_of(host.disk.allocator) ? "with a ring" : "without a ring"));
  host.rng = std::make_unique<SeededRng>(rng_.next());
  host.peer = std::make_unique<peer::Peer>(config_of(id), *host.rng);
  call(id, [&](peer::Peer& peer, peer::PeerEffects& out) {
    // What is stored while it starts must not change what it starts from.
    Disk disk = host.disk;
    peer.start(now(), disk.allocator, disk.targets, out);
  });
  if (up(id)) check_restored(id);
}

void World::run_for(Duration span) {
  TimePoint end = now() + span;
  while (breach().empty()) {
    TimePoint next = timeline_.empty() ? end : std::min(end, timeline_.next());
    bool peer_is_due = !deadlines_.empty() && deadlines_.begin()->first < next;
    TimePoint before = now();
    if (peer_is_due) {
      HostId due = deadlines_.begin()->second;
      timeline_.advance(deadlines_.begin()->first);
      ++events_;
      deadline(due);
    } else if (!timeline_.empty() && timeline_.next() <= end) {
      timeline_.advance(next);
      ++events_;
      timeline_.take()();
    } else {
      return timeline_.advance(end);
    }
    turns_at_once_ = now() == before && peer_is_due ? turns_at_once_ + 1 : 0;
    if (turns_at_once_ > kTurnsAtOnceMax) breach("deadlines that never pass: a peer spins");
  }
}

void World::deadline(HostId id) {
  routes_changed_ = false;
  call(id, [&](peer::Peer& peer, auto& out) { peer.on_deadline(now(), out); });
  // Routes follow the topology at moments of their own; only then are they to be the same.
  if (!std::exchange(routes_changed_, false) || !up(id)) return;
  if (auto wrong = wrong_route(peer(id).node(), now()); !wrong.empty()) breach(wrong);
}

void World::arm(HostId id) {
  Host& host = hosts_[id];
  auto next = host.peer ? host.peer->next_deadline() : std::nullopt;
  if (next == host.deadline) return;
  if (host.deadline) deadlines_.erase({*host.deadline, id});
  host.deadline = next;
  if (next) deadlines_.emplace(*next, id);
}

void World::crash(HostId id, bool peers_are_told) {
  if (!up(id)) return;
  tell(hosts_[id].nickname + (peers_are_told ? " is killed" : " loses its power"));
  hosts_[id].peer.reset();
  hosts_[id].requests.clear();
  std::erase_if(readers_, [&](const auto& reader) { return reader.first.first == id; });
  arm(id);
  network_.lost(id, peers_are_told);
}

void World::restart(HostId id) {
  if (!up(id)) start(id);
}

void World::back_up(HostId id) {
  Host& host = hosts_[id];
  if (host.is_double) return;
  host.backup = host.disk;
  host.backup_held = host.held;
  host.backup_name = host.name;
}

bool World::rewind(HostId id) {
  Host& host = hosts_[id];
  if (up(id) || !host.backup || host.backup_name != host.name) return false;
  tell(host.nickname + " gets an old disk");
  ledger_.suspect(id);
  host.disk = *host.backup;
  host.held = host.backup_held;
  ledger_.on_disk_replaced(id, ring_of(host.disk.allocator));
  return true;
}

void World::lose_disk(HostId id, bool keeps_name) {
  Host& host = hosts_[id];
  if (up(id)) return;
  tell(host.nickname + " loses its disk" + (keeps_name ? ", but not its name" : ""));
  host.disk.allocator = {};
  host.held.clear();  // with the disk went the containers
  host.backup.reset();
  ledger_.on_disk_lost(id);
  if (keeps_name) return ledger_.suspect(id);
  if (!std::exchange(host.is_double, false)) gone_.insert(host.name);
  new_name(id);
}

void World::take_name(HostId id, HostId of) {
  if (up(id) || hosts_[id].is_double || hosts_[of].is_double) return;
  lose_disk(id);
  tell(hosts_[id].nickname + " calls itself like " + hosts_[of].nickname);
  ledger_.suspect(id);
  ledger_.suspect(of);
  hosts_[id].name = hosts_[of].name;
  hosts_[id].is_double = true;
}

bool World::names_shared() const {
  std::set<PeerName> names;
  for (HostId id = 0; id < hosts_.size(); ++id) {
    if (up(id) && !names.insert(hosts_[id].name).second) return true;
  }
  return false;
}

bool World::has_stored(HostId host) const {
  const ipam::StoredAllocator& disk = hosts_[host].disk.allocator;
  return disk.ring.has_value() || !disk.owned.empty();
}

void World::call(HostId id, const PeerCall& what) {
  Host& host = hosts_[id];
  if (!host.peer) return;
  peer::PeerEffects out;
  what(*host.peer, out);
  store(id, out.store);
  for (const gossip::Effect& effect : out.mesh)
    carry_out(id, effect);
  for (const ipam::effect::Reply& reply : out.replies)
    answer(id, reply);
  arm(id);
  check_bounds(id);
}

void World::store(HostId id, const std::vector<peer::StoreOp>& ops) {
  Disk& disk = hosts_[id].disk;
  bool has_ring = false;
  for (const peer::StoreOp& op : ops) {
    if (const auto* ring = std::get_if<ipam::effect::StoreRing>(&op)) {
      disk.allocator.ring = ring->ring;
      has_ring = true;
    } else if (const auto* owned = std::get_if<ipam::effect::StoreOwned>(&op)) {
      if (owned->owned.addresses.empty()) {
        disk.allocator.owned.erase(owned->ident);
      } else {
        disk.allocator.owned[owned->ident] = owned->owned;
      }
    } else if (const auto* targets = std::get_if<peer::StoreTargets>(&op)) {
      disk.targets = targets->targets;
    }
  }
  if (!has_ring) return;
  if (auto ring = ring_of(disk.allocator)) ledger_.on_ring(id, *ring);
  check_books(id);
}

void World::read_as_weave(HostId id, const gossip::Send& send) {
  if (options_.password) return;
  GoReader& reader = readers_[{id, send.link}];
  reader.feed(send.bytes);
  if (reader.breach().empty() || !breach_.empty()) return;
  breach_ = "host " + std::to_string(id) + " writes what Weave does not survive: ";
  breach_ += reader.breach();
}

void World::carry_out(HostId id, const gossip::Effect& effect) {
  if (const auto* dial = std::get_if<gossip::Dial>(&effect)) {
    network_.dial({id, dial->link, hosts_[id].runs}, dial->to);
  } else if (const auto* send = std::get_if<gossip::Send>(&effect)) {
    read_as_weave(id, *send);
    network_.send(id, send->link, send->bytes);
  } else if (const auto* close = std::get_if<gossip::Close>(&effect)) {
    readers_.erase({id, close->link});
    network_.close(id, close->link, "closed by the peer");
  } else if (const auto* ready = std::get_if<gossip::LinkReady>(&effect)) {
    network_.overlay_ready(id, ready->link);
  } else if (std::holds_alternative<gossip::RoutesChanged>(effect)) {
    routes_changed_ = true;
  } else if (const auto* line = std::get_if<LogLine>(&effect)) {
    if (timeline_.is_told() && line->level != LogLevel::debug) {
      tell(hosts_[id].nickname + " logs: " + line->text + " " + line->peer + " " + line->address);
    }
  }
}

void World::breach(const std::string& what) {
  if (!breach_.empty()) return;
  breach_ = what;
  tell("BREACH: " + what);
}

void World::accept(HostId host, Endpoint local, Endpoint remote,
                   const std::function<void(gossip::LinkId)>& accepted) {
  call(host, [&](peer::Peer& peer, auto& out) {
    if (auto link = peer.on_accept(now(), local, remote, out)) accepted(*link);
  });
}

void World::dialled(const LinkEnd& end, Endpoint local) {
  call(end.host, [&](auto& peer, auto& out) { peer.on_dialled(now(), end.link, local, out); });
}

void World::dial_failed(const LinkEnd& end, const std::string& why) {
  call(end.host, [&](auto& peer, auto& out) { peer.on_dial_failed(now(), end.link, why, out); });
}

void World::bytes(const LinkEnd& end, ByteView bytes) {
  call(end.host, [&](auto& peer, auto& out) { peer.on_bytes(now(), end.link, bytes, out); });
}

void World::drained(const LinkEnd& end) {
  call(end.host, [&](auto& peer, auto& out) { peer.on_drained(now(), end.link, out); });
}

void World::closed(const LinkEnd& end, const std::string& why) {
  readers_.erase({end.host, end.link});
  call(end.host, [&](auto& peer, auto& out) { peer.on_closed(now(), end.link, why, out); });
}

void World::overlay(const LinkEnd& end, bool works) {
  call(end.host, [&](auto& peer, auto& out) {
    if (works) {
      peer.on_overlay_established(now(), end.link, out);
    } else {
      peer.on_overlay_failed(now(), end.link, "no answer", out);
    }
  });
}

}  // namespace weft::sim
