// SPDX-License-Identifier: Apache-2.0
// What is checked of simulated hosts, one by one after each event, and of all of them in the end.
#include <algorithm>

#include "tests/sim/route_reference.h"
#include "tests/sim/world.h"

namespace weft::sim {
namespace {

// What a peer of a simulated mesh may hold: far less than the limits of the product, which are for
// the largest mesh there may be and for hostile peers.
constexpr std::size_t kLinksSpare = 32;  // that are being closed by the other side
constexpr std::size_t kFailedInboundMax = 16;
constexpr std::size_t kUnsentMax = 1024 * 1024;
constexpr std::size_t kEntriesMax = 2048;

}  // namespace

// A host that came back must still know every address that clients were told of.
void World::check_restored(HostId id) {
  const Host& host = hosts_[id];
  const ipam::OwnedMap& owned = host.peer->allocator()->owned();
  for (const auto& [ident, address] : host.held) {
    auto found = owned.find(ident);
    if (found == owned.end() || found->second.addresses.empty()) {
      breach(address.text() + " of " + ident + " was forgotten by a restart");
    }
  }
}

// Allocated and free make up what is owned, and the ring tells others just that; what is stored is
// what is so.
void World::check_books(HostId id) {
  const ipam::Allocator* allocator = hosts_[id].peer->allocator();
  ipam::AllocatorStatus status = allocator->status();
  std::map<Ipv4Addr, std::uint64_t> free_at;
  std::uint64_t owned = 0;
  for (const ipam::RingEntryStatus& entry : status.entries) {
    if (entry.peer == hosts_[id].name) owned += entry.size;
  }
  if (owned != ledger_.claims(id).size()) {
    breach(hosts_[id].nickname + " has not stored the ring it works with");
  }
  std::uint64_t free = 0;
  if (const auto& ring = ledger_.ring(id)) {
    for (const ipam::RingEntry& entry : ring->entries) {
      if (entry.peer == hosts_[id].name) free += entry.free;
    }
  }
  if (status.active + free != owned) {
    breach(hosts_[id].nickname + " owns " + std::to_string(owned) + " addresses, but has " +
           std::to_string(status.active) + " allocated and says that " + std::to_string(free) +
           " are free");
  }
}

void World::check_bounds(HostId id) {
  if (!up(id)) return;
  const peer::Peer& peer = *hosts_[id].peer;
  gossip::NodeLoad mesh = peer.node().load();
  ipam::AllocatorLoad ipam = peer.allocator()->load();
  std::size_t names = ledger_.names().size();
  std::size_t clients = hosts_[id].requests.size() + hosts_[id].disk.allocator.owned.size() +
                        hosts_[id].lenient_claims;
  const struct {
    std::string_view what;
    std::size_t size;
    std::size_t limit;
  } loads[] = {
      {"links", mesh.links, 6 * hosts_.size() + kLinksSpare},
      {"connections", mesh.connections, names},
      {"peers", mesh.peers, names},
      {"discovered addresses", mesh.discovered, hosts_.size() * hosts_.size()},
      {"addresses to dial", mesh.candidates, hosts_.size() * hosts_.size()},
      {"failed inbound links", mesh.failed_inbound, kFailedInboundMax},
      {"pending news", mesh.pending_news, 3 * names + 3},
      {"unsent bytes", mesh.unsent_bytes, kUnsentMax},
      {"peers to tell of", mesh.relays, names},
      {"peers our update is about", mesh.own_news, names},
      {"remembered neighbours", mesh.remembered, names + hosts_.size()},
      {"digests of strangers' gossip", mesh.digests, 0},  // every host owns the one channel in use
      {"primes", ipam.primes, hosts_[id].requests.size()},
      {"claims", ipam.claims, clients},
      {"allocations", ipam.allocates, hosts_[id].requests.size()},
      {"space requests", ipam.asks, ipam.allocates},
      {"nicknames", ipam.nicknames, names},
      {"ring entries", ipam.entries, kEntriesMax},
      {"voters", ipam.voters, names + runs()},
      {"conflicts of seeds", ipam.seed_conflicts, names},
  };
  for (const auto& load : loads) {
    if (load.size <= load.limit) continue;
    breach(hosts_[id].nickname + " holds " + std::to_string(load.size) + " " +
           std::string(load.what) + ", which is beyond " + std::to_string(load.limit));
  }
}

std::size_t World::runs() const {
  std::size_t runs = 0;
  for (const Host& host : hosts_)
    runs += host.runs;
  return runs;
}

std::string World::ring_text(HostId id) const {
  std::string text;
  if (!ledger_.ring(id)) return text;
  for (const ipam::RingEntry& entry : ledger_.ring(id)->entries) {
    text += entry.token.text() + "=" + entry.peer.text() + "v" + std::to_string(entry.version) +
            "f" + std::to_string(entry.free) + " ";
  }
  return text;
}

std::string World::disagreement(Owners owners) const {
  std::map<PeerName, const gossip::Node*> nodes;
  for (HostId id = 0; id < hosts_.size(); ++id) {
    if (!up(id)) return hosts_[id].nickname + " is down";
    std::string wrong = disagreement_of(id, ring_text(0), owners);
    if (!wrong.empty()) return hosts_[id].nickname + " " + wrong;
    const gossip::Node& node = hosts_[id].peer->node();
    wrong = needless_connection(node, options_.conn_limit, now());
    if (!wrong.empty()) return hosts_[id].nickname + " " + wrong;
    nodes[hosts_[id].name] = &node;
  }
  return wrong_delivery(nodes);
}

std::string World::disagreement_of(HostId id, const std::string& ring, Owners owners) const {
  const gossip::Node& node = hosts_[id].peer->node();
  std::vector<PeerName> known = node.known_peers();
  for (const Host& other : hosts_) {
    bool found = std::binary_search(known.begin(), known.end(), other.name);
    if (!found) return "does not know " + other.nickname;
    if (node.unicast_routes().count(other.name) == 0) return "has no route to " + other.nickname;
  }
  if (known.size() != hosts_.size()) return "knows somebody who is gone";
  if (ring_text(id) != ring) return "has another ring: " + ring_text(id) + "not " + ring;
  if (!ledger_.ring(id)) return "has no ring";
  for (const ipam::RingEntry& entry : ledger_.ring(id)->entries) {
    bool lives = std::any_of(hosts_.begin(), hosts_.end(),
                             [&](const Host& host) { return host.name == entry.peer; });
    if (!lives && owners == Owners::are_here)
      return "leaves " + entry.token.text() + " to " + entry.peer.text() + ", who is gone";
  }
  return {};
}

}  // namespace weft::sim
