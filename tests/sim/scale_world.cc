// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/scale_world.h"

#include <algorithm>
#include <tuple>

namespace weft::sim {
namespace {

constexpr std::uint32_t kFirstAddress = 0x0a650001;  // 10.101.0.1
constexpr std::uint64_t kFirstName = 0x7a0000000001;

}  // namespace

struct ScaleWorld::Pipe {
  End ends[2];
  bool open = true;
  TimePoint last_arrival[2];  // towards each end: a stream keeps its order
  int ready = 0;
};

ScaleWorld::ScaleWorld(const ScaleOptions& options) : options_(options), rng_(options.seed) {
  for (std::size_t id = 0; id < options.hosts; ++id) {
    hosts_.push_back(std::make_unique<Host>());
    // Hosts that are launched together do not come up in the same instant.
    at(now_ + Duration(static_cast<Duration::rep>(rng_.below(1'000'000'000))),
       [this, id] { start(id); });
  }
}

ScaleWorld::~ScaleWorld() = default;

void ScaleWorld::start(std::size_t id) {
  while (hosts_.size() <= id)
    hosts_.push_back(std::make_unique<Host>());
  if (up(id)) return;
  Host& host = *hosts_[id];
  ++host.incarnation;
  host.rng = std::make_unique<SeededRng>(rng_.next());
  PeerUid uid{rng_.next() | 1};
  auto name = PeerName::from_u48(kFirstName + id);
  const bool with_room = id < options_.hosts && id + options_.with_room >= options_.hosts;
  peer::PeerConfig config{.node = {.name = name,
                                   .nickname = "host" + std::to_string(id),
                                   .uid = uid,
                                   .conn_limit = with_room ? 0 : options_.conn_limit,
                                   .discovery = !with_room,
                                   .delta_gossip = options_.delta},
                          .allocator = {}};
  if (options_.ipam) {
    auto range = *Cidr::parse("10.32.0.0/12");
    std::vector<PeerName> owners;
    for (std::size_t i = 0; i < options_.hosts; ++i)
      owners.push_back(PeerName::from_u48(kFirstName + i));
    config.allocator = ipam::AllocatorConfig{.name = name,
                                             .uid = uid,
                                             .nickname = config.node.nickname,
                                             .universe = range,
                                             .default_subnet = range,
                                             .init = ipam::InitSeed{.peers = owners},
                                             .wall = {}};
  }
  host.peer = std::make_unique<peer::Peer>(std::move(config), *host.rng);
  std::vector<std::string> targets;
  for (std::size_t i = 0; i < options_.seeds; ++i) {
    if (i != id) targets.push_back(address(i).text());
  }
  call(id, [&](peer::Peer& peer, auto& out) { peer.start(now_, {}, targets, out); });
}

void ScaleWorld::kill(std::size_t id) {
  if (!up(id)) return;
  Host& host = *hosts_[id];
  host.peer.reset();
  host.deadline.reset();
  for (const auto& [link, pipe] : std::exchange(host.pipes, {}))
    drop(pipe, id);
}

void ScaleWorld::break_connection(std::size_t id) {
  auto& pipes = hosts_[id]->pipes;
  if (pipes.empty()) return;
  const auto which = static_cast<std::ptrdiff_t>(rng_.below(pipes.size()));
  drop(std::next(pipes.begin(), which)->second, std::nullopt);
}

std::size_t ScaleWorld::live() const {
  std::size_t count = 0;
  for (std::size_t id = 0; id < hosts_.size(); ++id)
    count += up(id) ? 1 : 0;
  return count;
}

Ipv4Addr ScaleWorld::address(std::size_t host) {
  return {kFirstAddress + static_cast<std::uint32_t>(host)};
}

std::size_t ScaleWorld::host_at(Ipv4Addr address) {
  return static_cast<std::size_t>(address.value) - kFirstAddress;
}

std::optional<TimePoint> ScaleWorld::next_event() const {
  return queue_.empty() ? std::nullopt : std::optional(queue_.top().at);
}

void ScaleWorld::run_for(Duration span) {
  auto end = now_ + span;
  while (!queue_.empty() && queue_.top().at <= end) {
    auto what = std::move(const_cast<Event&>(queue_.top()).what);
    now_ = std::max(now_, queue_.top().at);
    queue_.pop();
    ++events_;
    what();
  }
  now_ = end;
}

std::optional<Duration> ScaleWorld::run_until_converged(Duration limit) {
  auto begin = now_;
  while (now_ - begin < limit) {
    run_for(std::chrono::milliseconds(100));
    if (converged()) return now_ - begin;
  }
  return std::nullopt;
}

bool ScaleWorld::converged() const {
  return disagreement().empty();
}

std::string ScaleWorld::disagreement() const {
  std::size_t all = live();
  std::optional<std::uint64_t> hash;
  for (std::size_t id = 0; id < hosts_.size(); ++id) {
    if (!up(id)) continue;
    const auto& peer = node(id);
    auto who = "host" + std::to_string(id);
    if (peer.unicast_routes().size() != all) {
      return who + " has routes to " + std::to_string(peer.unicast_routes().size()) + " of " +
             std::to_string(all);
    }
    if (peer.known_peers().size() != all) return who + " knows the wrong peers";
    auto theirs = peer.topology_hash();
    if (hash && *hash != theirs) return who + " knows something else";
    hash = theirs;
  }
  return {};
}

std::size_t ScaleWorld::connections() const {
  std::size_t ends = 0;
  for (const auto& host : hosts_)
    ends += host->pipes.size();
  return ends / 2;
}

void ScaleWorld::at(TimePoint when, std::function<void()> what) {
  queue_.push({when, ++numbered_, std::move(what)});
}

Duration ScaleWorld::latency() {
  auto max = static_cast<std::uint64_t>(options_.latency_max.count());
  return Duration(static_cast<Duration::rep>(max / 10 + rng_.below(max - max / 10)));
}

bool ScaleWorld::alive(const End& end) const {
  return up(end.host) && hosts_[end.host]->incarnation == end.incarnation;
}

void ScaleWorld::call(std::size_t id, const PeerCall& what) {
  if (!up(id)) return;
  peer::PeerEffects out;
  what(*hosts_[id]->peer, out);
  for (auto& effect : out.mesh)
    carry_out(id, effect);
  arm(id);
}

void ScaleWorld::arm(std::size_t id) {
  if (!up(id)) return;
  Host& host = *hosts_[id];
  auto next = host.peer->next_deadline();
  if (next) next = std::max(*next, now_);
  if (next == host.deadline) return;
  host.deadline = next;
  if (!next) return;
  at(*next, [this, id, due = *next, incarnation = host.incarnation] {
    Host& late = *hosts_[id];
    // Overtaken by another deadline, or by another life of the host.
    if (!up(id) || late.incarnation != incarnation || late.deadline != due) return;
    late.deadline.reset();
    call(id, [&](peer::Peer& peer, auto& out) { peer.on_deadline(now_, out); });
  });
}

void ScaleWorld::carry_out(std::size_t id, gossip::Effect& effect) {
  if (const auto* to_dial = std::get_if<gossip::Dial>(&effect)) {
    bool here = host_at(to_dial->to.ip) < hosts_.size() || !outside_;
    return here ? dial(id, *to_dial) : outside_(id, effect);
  }
  auto pipe_of = [&](gossip::LinkId link) -> std::shared_ptr<Pipe> {
    auto found = hosts_[id]->pipes.find(link);
    return found == hosts_[id]->pipes.end() ? nullptr : found->second;
  };
  auto out = [&] {
    if (outside_) outside_(id, effect);
  };
  if (auto* to_send = std::get_if<gossip::Send>(&effect)) {
    if (!pipe_of(to_send->link)) return out();
    send(id, *to_send);
  } else if (const auto* to_close = std::get_if<gossip::Close>(&effect)) {
    auto pipe = pipe_of(to_close->link);
    if (!pipe) return out();
    drop(pipe, id);
  } else if (const auto* ready = std::get_if<gossip::LinkReady>(&effect)) {
    auto pipe = pipe_of(ready->link);
    if (!pipe) return out();
    if (++pipe->ready == 2) establish(pipe);
  } else if (std::holds_alternative<gossip::LinkGone>(effect) ||
             std::holds_alternative<gossip::OverlayControl>(effect)) {
    out();
  }
}

void ScaleWorld::dial(std::size_t from, const gossip::Dial& dial) {
  End dialler{from, dial.link, hosts_[from]->incarnation};
  Endpoint local{.ip = address(from),
                 .port = static_cast<std::uint16_t>(20000 + rng_.below(40000))};
  at(now_ + latency(), [this, dialler, local, to = dial.to] {
    if (!alive(dialler)) return;
    auto target = host_at(to.ip);
    auto pipe = std::make_shared<Pipe>();
    std::optional<gossip::LinkId> accepted;
    call(target, [&](peer::Peer& peer, auto& out) {
      accepted = peer.on_accept(now_, to, local, out);
      if (!accepted) return;
      pipe->ends[0] = dialler;
      pipe->ends[1] = {target, *accepted, hosts_[target]->incarnation};
      hosts_[dialler.host]->pipes[dialler.link] = pipe;
      hosts_[target]->pipes[*accepted] = pipe;
    });
    call(dialler.host, [&](peer::Peer& peer, auto& out) {
      if (accepted) {
        peer.on_dialled(now_, dialler.link, local, out);
      } else {
        peer.on_dial_failed(now_, dialler.link, "Connection refused", out);
      }
    });
  });
}

void ScaleWorld::send(std::size_t from, gossip::Send& send) {
  auto found = hosts_[from]->pipes.find(send.link);
  if (found == hosts_[from]->pipes.end()) return;
  auto pipe = found->second;
  bytes_ += send.bytes.size();
  int towards = pipe->ends[0].host == from && pipe->ends[0].link == send.link ? 1 : 0;
  auto arrival = std::max(now_ + latency(), pipe->last_arrival[towards]);
  pipe->last_arrival[towards] = arrival;
  auto bytes = std::make_shared<Bytes>(std::move(send.bytes));
  at(arrival, [this, pipe, towards, bytes] {
    if (!pipe->open) return;
    const End to = pipe->ends[towards];
    const End back = pipe->ends[1 - towards];
    call(to.host, [&](peer::Peer& peer, auto& out) { peer.on_bytes(now_, to.link, *bytes, out); });
    if (!pipe->open || !alive(back)) return;
    call(back.host, [&](peer::Peer& peer, auto& out) { peer.on_drained(now_, back.link, out); });
  });
}

void ScaleWorld::establish(const std::shared_ptr<Pipe>& pipe) {
  at(now_ + latency(), [this, pipe] {
    for (const End end : {pipe->ends[0], pipe->ends[1]}) {
      if (!pipe->open) return;
      call(end.host,
           [&](peer::Peer& peer, auto& out) { peer.on_overlay_established(now_, end.link, out); });
    }
  });
}

void ScaleWorld::drop(const std::shared_ptr<Pipe>& pipe, std::optional<std::size_t> quiet_end) {
  if (!std::exchange(pipe->open, false)) return;
  for (const End end : {pipe->ends[0], pipe->ends[1]}) {
    hosts_[end.host]->pipes.erase(end.link);
    if (quiet_end == end.host) continue;
    at(std::max(now_ + latency(), pipe->last_arrival[0]), [this, end] {
      if (!alive(end)) return;
      call(end.host, [&](peer::Peer& peer, auto& out) {
        peer.on_closed(now_, end.link, "connection reset", out);
      });
    });
  }
}

}  // namespace weft::sim
