// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/ipam/allocator_harness.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "ipam-crdt/interval_set.h"

namespace weft::ipam::test {
namespace {

constexpr seconds kGossipInterval{30};

}  // namespace

std::vector<std::uint64_t> seeds(std::uint64_t count) {
  std::uint64_t from = 1;
  std::uint64_t to = count;
  if (const char* given = std::getenv("WEFT_SEEDS")) {
    std::string_view text = given;
    std::size_t dots = text.find("..");
    REQUIRE(dots != std::string_view::npos);
    from = parse_u64(text.substr(0, dots)).value_or(1);
    to = parse_u64(text.substr(dots + 2)).value_or(count);
  }
  std::vector<std::uint64_t> out;
  for (std::uint64_t seed = from; seed <= to; ++seed)
    out.push_back(seed);
  return out;
}

bool World::View::reachable(PeerName peer) const {
  std::size_t other = peer.value() - name_of(0).value();
  return other < world_.size() && (other == node_ || world_.linked(node_, other));
}

World::World(WorldConfig config)
    : config_(std::move(config)),
      rng_(config_.seed),
      universe_(*Cidr::parse(config_.universe)),
      now_(seconds(1000)),
      hosts_(config_.nodes) {
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    hosts_[i].view = std::make_unique<View>(*this, i);
    hosts_[i].rng = std::make_unique<SeededRng>(rng_.next());
  }
}

void World::start(std::size_t node) {
  Host& host = hosts_[node];
  REQUIRE(host.allocator == nullptr);
  auto init =
      parse_init_mode(config_.init_of.contains(node) ? config_.init_of.at(node) : config_.init);
  REQUIRE(init.has_value());
  AllocatorConfig config{.name = name_of(node),
                         .uid = {1000 * ++host.life + node},
                         .nickname = "host" + std::to_string(node),
                         .universe = universe_,
                         .default_subnet = universe_,
                         .init = *init,
                         .wall = {}};
  host.allocator = std::make_unique<Allocator>(std::move(config), *host.rng, *host.view);
  host.gossip_at = now_ + milliseconds(rng_.below(30000));
  Effects effects;
  host.allocator->start(now_, host.disk, effects);
  carry_out(node, std::move(effects));
  for (std::size_t other = 0; other < size() && up(node); ++other) {
    if (!linked(node, other)) continue;
    send(Way::gossip, node, other, host.allocator->state(now_));
    send(Way::gossip, other, node, hosts_[other].allocator->state(now_));
  }
}

void World::start_all() {
  for (std::size_t i = 0; i < size(); ++i)
    start(i);
}

void World::crash(std::size_t node) {
  hosts_[node].allocator.reset();
  hosts_[node].cut.reset();
  for (auto& [id, request] : requests_) {
    if (request.node == node && request.outcome.empty()) request.outcome = "crashed";
  }
}

void World::wipe(std::size_t node) {
  hosts_[node].disk = {};
}

void World::disconnect(std::size_t a, std::size_t b) {
  cut_links_.insert(std::minmax(a, b));
}

void World::connect(std::size_t a, std::size_t b) {
  if (cut_links_.erase(std::minmax(a, b)) == 0 || !linked(a, b)) return;
  send(Way::gossip, a, b, at(a).state(now_));
  send(Way::gossip, b, a, at(b).state(now_));
}

bool World::linked(std::size_t a, std::size_t b) const {
  return a != b && up(a) && up(b) && !cut_links_.contains(std::minmax(a, b));
}

std::uint64_t World::new_request(std::size_t node, const std::string& ident) {
  requests_[next_request_] = {.node = node, .ident = ident};
  return next_request_++;
}

std::uint64_t World::allocate(std::size_t node, const std::string& ident,
                              const std::string& subnet) {
  std::uint64_t id = new_request(node, ident);
  Effects effects;
  Cidr where = subnet.empty() ? universe_ : *Cidr::parse(subnet);
  at(node).allocate(now_, {id}, ident, where, false, effects);
  carry_out(node, std::move(effects));
  return id;
}

std::uint64_t World::claim(std::size_t node, const std::string& ident, const std::string& address,
                           bool no_error) {
  std::uint64_t id = new_request(node, ident);
  requests_[id].claimed = *Cidr::parse(address);
  requests_[id].sure = !no_error;
  Effects effects;
  at(node).claim(now_, {id}, ident, *Cidr::parse(address), {.no_error_on_unknown = no_error},
                 effects);
  carry_out(node, std::move(effects));
  return id;
}

std::uint64_t World::prime(std::size_t node) {
  std::uint64_t id = new_request(node, "");
  Effects effects;
  at(node).wait_for_ring(now_, {id}, effects);
  carry_out(node, std::move(effects));
  return id;
}

void World::cancel(std::size_t node, std::uint64_t request) {
  requests_[request].outcome = "cancelled";
  Effects effects;
  at(node).cancel(now_, {request}, effects);
  carry_out(node, std::move(effects));
}

// The container is gone before its host is told, so its addresses are free to be given away.
void World::release(std::size_t node, const std::string& ident) {
  std::erase_if(held_, [&](const auto& item) {
    return item.second.first == node && item.second.second == ident;
  });
  for (auto& [id, request] : requests_) {
    if (request.node == node && request.ident == ident) request.released = true;
  }
  Effects effects;
  (void)at(node).release(now_, ident, effects);
  carry_out(node, std::move(effects));
}

std::uint64_t World::take_over(std::size_t node, std::size_t victim) {
  Effects effects;
  std::uint64_t gained = at(node).take_over(now_, name_of(victim).text(), effects);
  carry_out(node, std::move(effects));
  return gained;
}

// The containers of a host that leaves for good are gone.
void World::shut_down(std::size_t node) {
  std::erase_if(held_, [&](const auto& item) { return item.second.first == node; });
  Effects effects;
  at(node).shut_down(now_, effects);
  carry_out(node, std::move(effects));
}

std::string World::outcome(std::uint64_t request) const {
  return requests_.at(request).outcome;
}

std::map<Ipv4Addr, std::string> World::held_at(std::size_t node) const {
  std::map<Ipv4Addr, std::string> out;
  for (const auto& [addr, holder] : held_) {
    if (holder.first == node) out[addr] = holder.second;
  }
  return out;
}

void World::send(Way way, std::size_t from, std::size_t to, Bytes payload) {
  ++messages_;
  if (rng_.below(100) < config_.loss_percent) return;
  auto delay = Duration(rng_.below(static_cast<std::uint64_t>(config_.delay_max.count()) + 1));
  in_flight_.emplace(now_ + delay, Message{way, from, to, std::move(payload)});
}

void World::deliver(const Message& message) {
  if (!linked(message.from, message.to)) return;
  Allocator& allocator = at(message.to);
  Effects effects;
  Result<> result;
  PeerName source = name_of(message.from);
  if (message.way == Way::gossip) result = allocator.on_gossip(now_, message.payload, effects);
  if (message.way == Way::broadcast) {
    result = allocator.on_broadcast(now_, source, message.payload, effects);
  }
  if (message.way == Way::unicast) {
    result = allocator.on_unicast(now_, source, message.payload, effects);
  }
  if (!result) {
    ++refusals_;
    CHECK_FALSE(allocator.last_refusal().empty());
  }
  carry_out(message.to, std::move(effects));
}

void World::carry_out(std::size_t node, Effects effects) {
  Host& host = hosts_[node];
  std::size_t count = effects.size();
  bool cut = host.cut && !effects.empty();
  if (cut) count = std::min(count, *host.cut);
  bool stored_all = false;
  for (std::size_t i = 0; i < count; ++i) {
    bool store = std::holds_alternative<effect::StoreRing>(effects[i]) ||
                 std::holds_alternative<effect::StoreOwned>(effects[i]);
    CHECK_FALSE((store && stored_all));  // what is stored comes first
    stored_all = stored_all || !store;
    apply(node, effects[i]);
  }
  if (cut) crash(node);
}

void World::apply(std::size_t node, const Effect& effect) {
  StoredAllocator& disk = hosts_[node].disk;
  if (const auto* ring = std::get_if<effect::StoreRing>(&effect)) disk.ring = ring->ring;
  if (const auto* owned = std::get_if<effect::StoreOwned>(&effect)) {
    if (owned->owned.addresses.empty()) {
      disk.owned.erase(owned->ident);
    } else {
      disk.owned[owned->ident] = owned->owned;
    }
  }
  if (std::holds_alternative<effect::Broadcast>(effect)) {
    for (std::size_t to = 0; to < size(); ++to) {
      if (linked(node, to)) send(Way::broadcast, node, to, at(node).state(now_));
    }
  }
  if (const auto* unicast = std::get_if<effect::Unicast>(&effect)) {
    REQUIRE_FALSE(unicast->payload.empty());
    CHECK(std::to_integer<int>(unicast->payload[0]) <= 2);
    std::size_t to = unicast->destination.value() - name_of(0).value();
    if (to < size() && linked(node, to)) send(Way::unicast, node, to, unicast->payload);
  }
  if (const auto* reply = std::get_if<effect::Reply>(&effect)) answer(node, *reply);
}

void World::answer(std::size_t node, const effect::Reply& reply) {
  Request& request = requests_.at(reply.id.value);
  CHECK(request.outcome.empty());  // exactly one answer
  std::optional<Cidr> got;
  if (const auto* allocated = std::get_if<effect::Allocated>(&reply.outcome)) {
    got = allocated->address;
    request.outcome = got->text();
  } else if (std::holds_alternative<effect::Done>(reply.outcome)) {
    got = request.claimed;
    request.outcome = "done";
  } else if (std::holds_alternative<effect::Cancelled>(reply.outcome)) {
    request.outcome = "cancelled";
  } else {
    request.outcome = "refused: " + std::get<effect::Refused>(reply.outcome).reason;
  }
  if (!got || !universe_.contains(got->addr()) || request.released || !request.sure) return;
  auto [it, fresh] = held_.emplace(got->addr(), std::pair(node, request.ident));
  CAPTURE(got->text());
  REQUIRE((fresh || it->second == std::pair(node, request.ident)));  // no address to two containers
}

bool World::step(TimePoint until) {
  std::optional<TimePoint> next;
  std::optional<std::size_t> host;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!up(i)) continue;
    auto at_i = earliest(hosts_[i].allocator->next_deadline(), hosts_[i].gossip_at);
    if (!next || *at_i < *next) {
      next = at_i;
      host = i;
    }
  }
  if (!in_flight_.empty() && (!next || in_flight_.begin()->first <= *next)) {
    if (in_flight_.begin()->first > until) return false;
    auto node = in_flight_.extract(in_flight_.begin());
    now_ = std::max(now_, node.key());
    deliver(node.mapped());
    return true;
  }
  if (!next || *next > until) return false;
  now_ = std::max(now_, *next);
  Host& h = hosts_[*host];
  if (auto deadline = h.allocator->next_deadline(); deadline && *deadline <= now_) {
    Effects effects;
    h.allocator->on_deadline(now_, effects);
    carry_out(*host, std::move(effects));
    return true;
  }
  h.gossip_at = now_ + kGossipInterval;
  for (std::size_t to = 0; to < size(); ++to) {
    if (linked(*host, to)) send(Way::gossip, *host, to, h.allocator->state(now_));
  }
  return true;
}

void World::run(Duration time) {
  TimePoint until = now_ + time;
  while (step(until))
    check();
  now_ = until;
}

RingData World::ring_of(std::size_t node) const {
  Bytes bytes = hosts_[node].allocator->state(now_);
  auto state = parse_state(bytes);
  REQUIRE(state.has_value());
  return state->ring.value_or(RingData{});
}

void World::check() {
  IntervalSet claimed;
  std::uint64_t claimed_size = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!up(i)) continue;
    RingData ring = ring_of(i);
    if (!ring.entries.empty()) REQUIRE(check_ring(ring).has_value());
    for (IpRange range : ranges_of(ring, name_of(i))) {
      claimed.add(range);
      claimed_size += range.size();
    }
    for (const auto& held_entry : held_at(i)) {
      const auto& addr = held_entry.first;
      const auto& ident = held_entry.second;
      CAPTURE(addr.text());
      auto held = at(i).owned().find(ident);
      REQUIRE(held != at(i).owned().end());
    }
  }
  REQUIRE(claimed.size() == claimed_size);  // nobody thinks that another's address is his
}

void World::check_converged() {
  std::optional<RingData> first;
  std::uint64_t active = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!up(i)) continue;
    RingData ring = ring_of(i);
    ring.holder = {};
    if (!first) first = ring;
    CAPTURE(i);
    CHECK(ring.entries == first->entries);
    CHECK(ring.seeds == first->seeds);
    AllocatorStatus status = at(i).status();
    CHECK(status.pending_allocates.empty());
    for (const PendingStatus& p : status.pending_claims) {
      CAPTURE(p.ident + " " + p.what + ": " + p.reason);
      CHECK(status.pending_claims.empty());
    }
    CHECK_FALSE(at(i).next_deadline().has_value());
    active += status.active;
  }
  if (!first || first->entries.empty()) return;
  std::uint64_t free = 0;
  for (const RingEntry& entry : first->entries)
    free += entry.free;
  std::uint64_t total = universe_.size();
  bool all_up = true;
  for (std::size_t i = 0; i < size(); ++i)
    all_up = all_up && up(i);
  if (all_up) CHECK(free + active == total);  // nothing leaked
}

}  // namespace weft::ipam::test
