// SPDX-License-Identifier: Apache-2.0
// Clients and operators of simulated hosts, and the promises made to them.
#include <algorithm>

#include "tests/sim/world.h"

namespace weft::sim {

void World::allocate(HostId id, std::optional<Cidr> subnet) {
  if (!up(id)) return;
  ipam::RequestId request{++last_id_};
  std::string ident = "c" + std::to_string(last_id_);
  hosts_[id].requests[request] = {.ident = ident, .claimed = {}};
  tell(hosts_[id].nickname + ": " + ident + " asks for an address");
  call(id, [&](peer::Peer& peer, auto& out) {
    peer.allocate(now(), request, ident, subnet.value_or(range()), true, out);
  });
}

void World::claim(HostId id, bool lenient) {
  if (!up(id)) return;
  ipam::RequestId request{++last_id_};
  std::string ident = "c" + std::to_string(last_id_);
  IpRange hosts = range().host_range();
  Ipv4Addr wanted = hosts.start + static_cast<std::uint32_t>(rng_.below(hosts.size()));
  Cidr address = *Cidr::make(wanted, range().prefix_len());
  hosts_[id].requests[request] = {.ident = ident, .claimed = address, .lenient = lenient};
  hosts_[id].lenient_claims += lenient ? 1 : 0;
  tell(hosts_[id].nickname + ": " + ident + " claims " + address.text());
  call(id, [&](peer::Peer& peer, auto& out) {
    peer.claim(now(), request, ident, address,
               {.is_container = true, .no_error_on_unknown = lenient}, out);
  });
}

void World::free_one(HostId id) {
  Host& host = hosts_[id];
  if (!up(id) || host.held.empty()) return;
  auto chosen = host.held.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(rng_.below(host.held.size())));
  auto [ident, address] = *chosen;
  host.held.erase(chosen);
  tell(host.nickname + ": " + ident + " is gone and frees " + address.text());
  bool by_ident = rng_.below(4) != 0;
  Ipv4Addr addr = address.addr();
  call(id, [&, holder = ident](peer::Peer& peer, auto& out) {
    auto freed =
        by_ident ? peer.release(now(), holder, out) : peer.release(now(), holder, addr, out);
    if (!freed) breach("a held address was not known: " + holder);
  });
}

bool World::cancel_one(HostId id) {
  Host& host = hosts_[id];
  if (!up(id) || host.requests.empty()) return false;
  ipam::RequestId request = host.requests.begin()->first;
  tell(host.nickname + ": " + host.requests.begin()->second.ident + " gives up waiting");
  host.requests.erase(request);
  call(id, [&](peer::Peer& peer, auto& out) { peer.cancel(now(), request, out); });
  return true;
}

void World::wait_for_ring(HostId id) {
  if (!up(id)) return;
  ipam::RequestId request{++last_id_};
  hosts_[id].requests[request] = {.ident = "", .claimed = {}};
  call(id, [&](peer::Peer& peer, auto& out) { peer.wait_for_ring(now(), request, out); });
}

void World::answer(HostId id, const ipam::effect::Reply& reply) {
  Host& host = hosts_[id];
  auto found = host.requests.find(reply.id);
  if (found == host.requests.end()) return breach("a reply that nobody waits for");
  Request request = found->second;
  host.requests.erase(found);
  if (const auto* allocated = std::get_if<ipam::effect::Allocated>(&reply.outcome)) {
    return grant(id, request.ident, allocated->address);
  }
  if (const auto* refused = std::get_if<ipam::effect::Refused>(&reply.outcome)) {
    if (refused->reason.empty()) breach(request.ident + " was refused without a reason");
    return tell(host.nickname + ": " + request.ident + " is refused: " + refused->reason);
  }
  if (!request.claimed || !std::holds_alternative<ipam::effect::Done>(reply.outcome)) return;
  // A lenient claim may be told yes before the address is its own.
  auto owned = host.disk.allocator.owned.find(request.ident);
  bool has_it = owned != host.disk.allocator.owned.end();
  if (has_it || !request.lenient) grant(id, request.ident, *request.claimed);
}

// The promise of it all: nobody else has this address, and whoever was told so can rely on it.
void World::grant(HostId id, const std::string& ident, Cidr address) {
  Host& host = hosts_[id];
  tell(host.nickname + ": " + ident + " has " + address.text());
  for (HostId other = 0; other < hosts_.size() && !ledger_.disputed(); ++other) {
    for (const auto& [holder, taken] : hosts_[other].held) {
      if (taken.addr() != address.addr()) continue;
      // Held outside of its own ranges, since an old disk or an operator said so.
      if (ledger_.strays_possible() && !ledger_.claims(other).contains(taken.addr())) continue;
      breach(address.text() + " was given to " + ident + " on " + host.nickname + " while " +
             holder + " has it on " + hosts_[other].nickname);
    }
  }
  host.held[ident] = address;
  if (host.disk.allocator.owned.count(ident) == 0) {
    breach(ident + " was answered before it was stored");
  }
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

ipam::IntervalSet World::used(HostId id) const {
  ipam::IntervalSet out;
  for (const auto& [ident, owned] : hosts_[id].disk.allocator.owned) {
    for (Cidr address : owned.addresses) {
      Ipv4Addr addr = address.addr();
      if (ledger_.claims(id).contains(addr)) out.add({addr, addr + 1});
    }
  }
  return out;
}

void World::connect(HostId id, const std::vector<HostId>& to, bool replace) {
  std::vector<std::string> targets;
  for (HostId other : to)
    targets.push_back(Network::address_of(other).text());
  tell(hosts_[id].nickname + ": weave connect" + (replace ? " --replace" : ""));
  call(id, [&](peer::Peer& peer, auto& out) {
    if (!peer.connect(now(), targets, replace, out)) breach("a good target was refused");
  });
}

void World::forget(HostId id, HostId which) {
  tell(hosts_[id].nickname + ": weave forget " + hosts_[which].nickname);
  call(id, [&](peer::Peer& peer, auto& out) {
    peer.forget(now(), {Network::address_of(which).text()}, out);
  });
}

void World::remove_peer(HostId id, PeerName gone) {
  if (!up(id) || gone == hosts_[id].name) return;
  tell(hosts_[id].nickname + ": weave rmpeer " + gone.text());
  ledger_.suspect(id);
  for (HostId other = 0; other < hosts_.size(); ++other) {
    if (hosts_[other].name == gone) ledger_.suspect(other);
  }
  call(id, [&](peer::Peer& peer, auto& out) { (void)peer.take_over(now(), gone.text(), out); });
}

void World::reset(HostId id) {
  if (!up(id)) return;
  tell(hosts_[id].nickname + ": weave reset");
  call(id, [&](peer::Peer& peer, auto& out) { peer.shut_down_ipam(now(), out); });
  crash(id);
  lose_disk(id);
}

}  // namespace weft::sim
