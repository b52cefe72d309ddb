// SPDX-License-Identifier: Apache-2.0
// What clients ask: allocations, claims, primes and releases, answered at once or kept pending and
// tried again. The words of refusals are Weave's, which clients show and scripts look for.
#include <algorithm>
#include <limits>

#include "base/ensure.h"
#include "ipam-crdt/internal/core.h"
#include "ipam-crdt/range_wire.h"

namespace weft::ipam {
namespace {

constexpr std::string_view kUnknownOwner = "_";

// Addresses of unknown owners are filed under the address itself, so that each can be freed.
std::string filed_under(std::string_view ident, Ipv4Addr addr) {
  return ident == kUnknownOwner ? addr.text() : std::string(ident);
}

// Whether the address behind the subnet's last has 32 bits.
bool has_end(Cidr subnet) {
  return std::uint64_t{subnet.first().value} + subnet.size() <=
         std::numeric_limits<std::uint32_t>::max();
}

// Tries each of the requests in turn and keeps those that still wait.
template <class Request, class Try>
void retry(std::vector<Request>& requests, Try try_one) {
  std::vector<Request> waiting;
  for (Request& request : requests) {
    if (!try_one(request)) waiting.push_back(std::move(request));
  }
  requests = std::move(waiting);
}

template <class Request, class Match>
std::vector<Request> take_if(std::vector<Request>& from, Match match) {
  auto middle =
      std::stable_partition(from.begin(), from.end(), [&](const Request& r) { return !match(r); });
  std::vector<Request> taken(std::make_move_iterator(middle), std::make_move_iterator(from.end()));
  from.erase(middle, from.end());
  return taken;
}

}  // namespace

void Allocator::Core::retry_pending() {
  if (ring_.empty() || shut_down_) return;
  for (RequestId id : primes_)
    reply(id, effect::Done{});
  primes_.clear();
  retry(claims_, [&](PendingClaim& r) { return try_claim(r) == Progress::done; });
  retry(allocates_, [&](PendingAllocate& r) { return try_allocate(r) == Progress::done; });
}

void Allocator::Core::allocate(PendingAllocate request) {
  if (shut_down_) return reply(request.id, effect::Cancelled{});
  if (!has_end(request.subnet) || !request.subnet.range().overlaps(ring_.universe())) {
    return reply(request.id, effect::Refused{"range " + request.subnet.text() +
                                             " out of bounds: " + config_.universe.text()});
  }
  if (allocates_.size() >= kPendingMax) {
    return reply(request.id, effect::Refused{"too many requests are waiting for an address"});
  }
  if (try_allocate(request) == Progress::waiting) allocates_.push_back(std::move(request));
}

Allocator::Core::Progress Allocator::Core::try_allocate(PendingAllocate& request) {
  if (auto held = owned_.find(request.ident, request.subnet.range())) {
    reply(request.id, effect::Allocated{*held});
    return Progress::done;
  }
  establish();
  if (ring_.empty()) {
    request.waits_for = "the ring";
    return Progress::waiting;
  }
  if (auto addr = space_.allocate(request.subnet.host_range())) {
    Cidr address = *Cidr::make(*addr, request.subnet.prefix_len());
    record(request.ident, address, request.is_container);
    reply(request.id, effect::Allocated{address});
    return Progress::done;
  }
  Verdict verdict = ask_for_space(request.subnet);
  request.waits_for = verdict.text;
  if (verdict.wait) return Progress::waiting;
  reply(request.id, effect::Refused{std::move(verdict.text)});
  return Progress::done;
}

void Allocator::Core::claim(PendingClaim request) {
  if (shut_down_) return reply(request.id, effect::Cancelled{});
  if (claims_.size() >= kPendingMax) {
    return reply(request.id, effect::Refused{"too many requests are waiting for an address"});
  }
  if (try_claim(request) == Progress::waiting) claims_.push_back(std::move(request));
}

Allocator::Core::Progress Allocator::Core::try_claim(PendingClaim& request) {
  Ipv4Addr addr = request.address.addr();
  if (!ring_.universe().contains(addr)) return claim_outside(request);
  establish();
  auto owner = ring_.owner(addr);
  if (!owner) {
    if (request.options.no_error_on_unknown) succeed(request);
    request.waits_for = "the ring";
    return Progress::waiting;
  }
  return *owner == config_.name ? claim_ours(request) : claim_from(request, *owner);
}

// Not ours to say anything about: only recorded, so that the container's addresses are complete.
Allocator::Core::Progress Allocator::Core::claim_outside(PendingClaim& request) {
  Ipv4Addr addr = request.address.addr();
  const std::string* holder = owned_.holder(addr);
  if (holder == nullptr) {
    log(LogLevel::info,
        request.address.text() + " claimed by " + request.ident + " is not in our range");
    record(request.ident, request.address, request.options.is_container);
  } else if (*holder != request.ident && request.ident != kUnknownOwner) {
    refuse(request, "address " + request.address.text() + " already in use by " + *holder);
    return Progress::done;
  }
  succeed(request);
  return Progress::done;
}

Allocator::Core::Progress Allocator::Core::claim_ours(PendingClaim& request) {
  Ipv4Addr addr = request.address.addr();
  const std::string* holder = owned_.holder(addr);
  if (holder == nullptr) {
    ensure(space_.claim(addr).has_value(), "ipam: an address in use has no holder");
    record(request.ident, request.address, request.options.is_container);
    succeed(request);
  } else if (*holder == request.ident || request.ident == kUnknownOwner) {
    succeed(request);
  } else if (*holder == addr.text()) {
    refuse(request, "address " + request.address.text() + " already in use");
  } else {
    refuse(request, "address " + request.address.text() + " is already owned by " + *holder);
  }
  return Progress::done;
}

Allocator::Core::Progress Allocator::Core::claim_from(PendingClaim& request, PeerName owner) {
  bool recently = request.asked == owner && request.tried && now_ < *request.tried + kRetryInterval;
  if (recently) return Progress::waiting;
  request.asked = owner;
  request.tried = now_;
  if (mesh_.reachable(owner)) {
    Ipv4Addr addr = request.address.addr();
    unicast(owner, write_space_request({addr, addr + 1}));
    request.waits_for = display(owner) + " to give it";
    return Progress::waiting;
  }
  request.waits_for = display(owner) + ", which owns it, to be reachable";
  if (request.options.no_error_on_unknown) succeed(request);
  if (++request.tries <= kClaimTriesMax || request.answered) return Progress::waiting;
  refuse(request, "address " + request.address.text() + " is owned by other peer " +
                      display(owner) + " - it is not reachable");
  return Progress::done;
}

void Allocator::Core::succeed(PendingClaim& request) {
  if (!request.answered) reply(request.id, effect::Done{});
  request.answered = true;
}

void Allocator::Core::refuse(PendingClaim& request, std::string reason) {
  if (request.answered) {
    log(LogLevel::warning, "claim by " + request.ident + " failed after all: " + reason);
  } else {
    reply(request.id, effect::Refused{std::move(reason)});
  }
}

void Allocator::Core::reply(RequestId id, decltype(effect::Reply::outcome) outcome) {
  queue_.push_back(effect::Reply{.id = id, .outcome = std::move(outcome)});
}

// The address is used in our space, or outside of it altogether.
void Allocator::Core::record(std::string_view ident, Cidr address, bool is_container) {
  std::string holder = filed_under(ident, address.addr());
  ensure(owned_.add(holder, address, is_container), "ipam: an address has two holders");
  owned_changed_.insert(std::move(holder));
  if (space_.owns(address.addr())) freed_.emplace_back(address.addr(), -1);
}

void Allocator::Core::drop(std::string_view ident, Ipv4Addr addr) {
  owned_.remove(ident, addr);
  restored_.remove({addr, addr + 1});
  owned_changed_.emplace(ident);
  if (space_.release(addr)) freed_.emplace_back(addr, +1);
}

void Allocator::Core::prime(RequestId id) {
  if (shut_down_) return reply(id, effect::Cancelled{});
  establish();
  if (!ring_.empty()) return reply(id, effect::Done{});
  if (primes_.size() >= kPendingMax) {
    return reply(id, effect::Refused{"too many requests are waiting for the ring"});
  }
  primes_.push_back(id);
}

void Allocator::Core::cancel(RequestId id) {
  primes_.erase(std::remove(primes_.begin(), primes_.end(), id), primes_.end());
  take_if(allocates_, [&](const PendingAllocate& r) { return r.id == id; });
  // A claim that was answered goes on without its client.
  take_if(claims_, [&](const PendingClaim& r) { return r.id == id && !r.answered; });
}

Result<> Allocator::Core::release(std::string_view ident) {
  bool cancelled = cancel_of(ident);
  std::vector<Cidr> addresses = owned_.entry(ident).addresses;
  if (addresses.empty() && !cancelled) {
    return refused({.code = Errc::not_found, .what = "no addresses"},
                   "Delete: no addresses for " + std::string(ident));
  }
  for (Cidr address : addresses)
    drop(ident, address.addr());
  retry_pending();
  return {};
}

Result<> Allocator::Core::release(std::string_view ident, Ipv4Addr addr) {
  std::string holder = filed_under(ident, addr);
  const bool cancelled = cancel_claims([&](const PendingClaim& r) {
    return r.address.addr() == addr && filed_under(r.ident, addr) == holder;
  });
  const std::string* found = owned_.holder(addr);
  const bool held = found != nullptr && *found == holder;
  if (!held && !cancelled) {
    return refused({.code = Errc::not_found, .what = "address not found"},
                   "Free: address " + addr.text() + " not found for " + std::string(ident));
  }
  if (held) drop(holder, addr);
  retry_pending();
  return {};
}

// Its container is gone: what it still waits for must not be given to it later.
bool Allocator::Core::cancel_of(std::string_view ident) {
  auto allocates = take_if(allocates_, [&](const PendingAllocate& r) { return r.ident == ident; });
  for (const PendingAllocate& r : allocates)
    reply(r.id, effect::Cancelled{});
  const bool claimed = cancel_claims([&](const PendingClaim& r) { return r.ident == ident; });
  return !allocates.empty() || claimed;
}

bool Allocator::Core::cancel_claims(const std::function<bool(const PendingClaim&)>& match) {
  const auto claims = take_if(claims_, match);
  for (const PendingClaim& r : claims) {
    if (!r.answered) reply(r.id, effect::Cancelled{});
  }
  return !claims.empty();
}

void Allocator::Core::cancel_all() {
  for (RequestId id : primes_)
    reply(id, effect::Cancelled{});
  for (const PendingAllocate& r : allocates_)
    reply(r.id, effect::Cancelled{});
  for (const PendingClaim& r : claims_) {
    if (!r.answered) reply(r.id, effect::Cancelled{});
  }
  primes_.clear();
  allocates_.clear();
  claims_.clear();
  awaiting_ring_ = false;
}

std::vector<Cidr> Allocator::Core::lookup(std::string_view ident, Cidr subnet) const {
  std::vector<Cidr> out;
  if (!has_end(subnet)) return out;  // nothing was ever given out there
  IpRange hosts = subnet.host_range();
  for (Cidr address : owned_.entry(ident).addresses) {
    if (hosts.contains(address.addr())) out.push_back(address);
  }
  return out;
}

}  // namespace weft::ipam
