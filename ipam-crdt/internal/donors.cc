// SPDX-License-Identifier: Apache-2.0
// Where space comes from and goes to: whom to ask when ours is used up, what to say when nobody has
// any, who inherits ours, and taking over a dead peer's.
#include <algorithm>

#include "ipam-crdt/internal/core.h"
#include "ipam-crdt/range_wire.h"
#include "ipam-crdt/wire_limits.h"

namespace weft::ipam {
namespace {

// Owners named in a refusal; a subnet of a large cluster may have hundreds.
constexpr std::size_t kOwnersNamedMax = 8;

}  // namespace

Allocator::Core::Verdict Allocator::Core::ask_for_space(Cidr subnet) {
  if (auto known = verdicts_.find(subnet); known != verdicts_.end()) return known->second;
  Ask& ask = asks_[subnet];
  auto free = ring_.others_free(subnet.range());
  std::map<PeerName, std::uint64_t> candidates;
  for (const auto& [peer, count] : free) {
    if (count > 0 && !ask.denied.contains(peer) && mesh_.reachable(peer)) candidates[peer] = count;
  }
  Verdict verdict;
  if (candidates.empty()) {
    verdict = refusal(subnet, free);
  } else {
    bool on_its_way = candidates.contains(ask.peer) && now_ < ask.at + kRetryInterval;
    if (!on_its_way) {
      ask.peer = by_chance(candidates).front();
      ask.at = now_;
      unicast(ask.peer, write_space_request(subnet.range()));
    }
    verdict = {.wait = true, .text = display(ask.peer) + " to give space"};
  }
  verdicts_[subnet] = verdict;
  return verdict;
}

// Owners ordered by weight times chance, so that those with much free space are asked more often,
// but not by everybody at once.
std::vector<PeerName> Allocator::Core::by_chance(
    const std::map<PeerName, std::uint64_t>& weights) const {
  std::vector<std::pair<double, PeerName>> drawn;
  drawn.reserve(weights.size());
  for (const auto& [peer, weight] : weights) {
    drawn.emplace_back(static_cast<double>(weight) * rng_.unit(), peer);
  }
  std::sort(drawn.begin(), drawn.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<PeerName> out;
  out.reserve(drawn.size());
  for (const auto& [weight, peer] : drawn)
    out.push_back(peer);
  return out;
}

// Nobody can be asked: who holds what, and what could be done.
Allocator::Core::Verdict Allocator::Core::refusal(
    Cidr subnet, const std::map<PeerName, std::uint64_t>& free) const {
  std::map<PeerName, std::uint64_t> held;
  for (const RangeOwner& part : ranges(ring_.data())) {
    IpRange in_subnet = part.range.intersection(subnet.range());
    if (!in_subnet.empty()) held[ring_.entries()[part.entry].peer] += in_subnet.size();
  }
  std::string unreachable;
  std::string owners;
  std::size_t named = 0;
  for (const auto& [peer, count] : held) {
    bool away = peer != config_.name && !mesh_.reachable(peer);
    auto spare = free.find(peer);
    bool has_free = spare != free.end() && spare->second > 0;
    if (away && has_free) unreachable += (unreachable.empty() ? "" : ", ") + display(peer);
    if (++named > kOwnersNamedMax) continue;
    owners += (owners.empty() ? "" : ", ") + display(peer) + " holds " + std::to_string(count);
    owners += !has_free ? " with none free" : away ? " but is unreachable" : " and gives none";
  }
  if (named > kOwnersNamedMax) {
    owners += " and " + std::to_string(named - kOwnersNamedMax) + " others";
  }
  if (!unreachable.empty() && now_ < *ring_known_at_ + kSettleTime) {
    return {.wait = true, .text = unreachable + " to be reachable"};
  }
  std::string text = "no free address in " + subnet.text() + ": " + owners;
  if (!unreachable.empty())
    text += "; if a peer is gone for good, 'weave rmpeer' reclaims its space";
  return {.wait = false, .text = std::move(text)};
}

void Allocator::Core::drop_unused_asks() {
  if (asks_.empty()) return;
  std::set<Cidr> wanted;
  for (const PendingAllocate& request : allocates_)
    wanted.insert(request.subnet);
  std::erase_if(asks_, [&](const auto& ask) { return !wanted.contains(ask.first); });
}

void Allocator::Core::donate(PeerName to, IpRange range) {
  if (ring_.empty()) return;
  // A grant splits an entry in three at most.
  const bool room = ring_.entries().size() + 2 <= kRingEntriesMax;
  if (auto chunk = room ? space_.donate(range) : std::nullopt) {
    ring_.grant(*chunk, to);
    ranges_changed_ = true;
    ring_stored_ = false;
    log(LogLevel::debug, "gave " + chunk->text(), to);
    broadcast();
  } else {
    unicast(to, write_space_denied(range));
  }
  send_state(to);
}

void Allocator::Core::on_denied(PeerName source, IpRange range) {
  for (auto& [subnet, ask] : asks_) {
    if (subnet.range() != range) continue;
    ask.denied.insert(source);
    if (ask.peer == source) ask.peer = PeerName();
  }
  std::vector<PendingClaim> waiting;
  for (PendingClaim& claim : claims_) {
    Ipv4Addr addr = claim.address.addr();
    if (range.contains(addr) && ring_.owner(addr) == source) {
      refuse(claim,
             "address " + claim.address.text() + " is owned by other peer " + display(source));
    } else {
      waiting.push_back(std::move(claim));
    }
  }
  claims_ = std::move(waiting);
  retry_pending();
}

PeerName Allocator::Core::heir() const {
  PeerName other;
  for (const RingEntry& entry : ring_.entries()) {
    if (entry.peer == config_.name) continue;
    if (mesh_.known(entry.peer)) return entry.peer;
    if (!other.known()) other = entry.peer;
  }
  PeerName nicknamed;
  for (const auto& [peer, nickname] : nicknames_) {
    if (peer == config_.name) continue;
    if (mesh_.known(peer)) return peer;
    if (!nicknamed.known()) nicknamed = peer;
  }
  return other.known() ? other : nicknamed;
}

void Allocator::Core::shut_down() {
  if (shut_down_) return;
  shut_down_ = true;
  cancel_all();
  if (ring_.empty()) return;
  PeerName to = heir();
  if (!to.known()) {
    log(LogLevel::info, "nobody is there to give our space to");
    return;
  }
  log(LogLevel::info, "shutting down: all our space goes to this peer", to);
  ring_.transfer(config_.name, to);
  follow_ring();
  broadcast();
}

std::uint64_t Allocator::Core::take_over(std::string_view peer) {
  auto victim = find_peer(peer);
  if (!victim || ring_.empty() || shut_down_) {
    log(LogLevel::warning, "no space can be taken over from '" + std::string(peer) + "'");
    return 0;
  }
  std::uint64_t before = space_.free_count();
  if (ring_.transfer(*victim, config_.name).empty()) return 0;
  ring_known();
  follow_ring();
  std::uint64_t gained = space_.free_count() - before;
  log(LogLevel::info, "took over " + std::to_string(gained) + " addresses", *victim);
  retry_pending();
  broadcast();
  return gained;
}

// By nickname first, as in Weave. Hosts may share one: then that which owns space and is away.
std::optional<PeerName> Allocator::Core::find_peer(std::string_view peer) const {
  std::optional<PeerName> found;
  for (const auto& [name, nickname] : nicknames_) {
    if (nickname != peer || name == config_.name) continue;
    if (!found) found = name;
    if (ring_.has_entries_of(name) && !mesh_.reachable(name)) return name;
  }
  if (found) return found;
  auto name = PeerName::parse(peer);
  if (!name || *name == config_.name) return std::nullopt;
  if (!nicknames_.contains(*name) && !ring_.has_entries_of(*name)) return std::nullopt;
  return name;
}

}  // namespace weft::ipam
