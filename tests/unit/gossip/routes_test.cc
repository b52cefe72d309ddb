// SPDX-License-Identifier: Apache-2.0
// Routes against the definition, written down naively, on random topologies.
#include "gossip/routes.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <doctest/doctest.h>

using namespace weft;
using namespace weft::gossip;

namespace {

PeerName name(std::uint64_t number) {
  return PeerName::from_u48(number + 1);
}

using Peers = std::map<PeerName, PeerRecord>;

Peers random_topology(Rng& rng, std::size_t size) {
  Peers peers;
  for (std::size_t i = 0; i < size; ++i)
    peers[name(i)].name = name(i);
  std::size_t edges = rng.below(3 * size);
  for (std::size_t i = 0; i < edges; ++i) {
    auto from = name(rng.below(size));
    auto to = name(rng.below(size));
    auto& list = peers[from].connections;
    bool there = std::any_of(list.begin(), list.end(), [&](auto& c) { return c.peer == to; });
    if (from == to || there) continue;
    list.push_back({.peer = to, .established = rng.below(4) != 0});
    auto& back = peers[to].connections;
    bool mutual = std::any_of(back.begin(), back.end(), [&](auto& c) { return c.peer == from; });
    if (!mutual && rng.below(5) != 0) {
      back.push_back({.peer = from, .established = rng.below(4) != 0});
    }
  }
  for (auto& [peer, record] : peers) {
    std::sort(record.connections.begin(), record.connections.end(),
              [](auto& a, auto& b) { return a.peer < b.peer; });
  }
  return peers;
}

const ConnectionRecord* connection(const Peers& peers, PeerName from, PeerName to) {
  for (const auto& c : peers.at(from).connections) {
    if (c.peer == to) return &c;
  }
  return nullptr;
}

bool usable(const Peers& peers, PeerName from, PeerName to, bool strict) {
  const auto* there = connection(peers, from, to);
  const auto* back = connection(peers, to, from);
  if (there == nullptr || !strict) return there != nullptr;
  return there->established && back != nullptr && back->established;
}

struct Found {
  bool found = false;
  std::map<PeerName, PeerName> routes;
};

Found search(const Peers& peers, PeerName start, PeerName stop_at, bool strict) {
  Found result{.routes = {{start, PeerName()}}};
  std::set<PeerName> next{start};
  while (!next.empty()) {
    auto work = std::exchange(next, {});
    for (auto current : work) {
      if (current == stop_at) {
        result.found = true;
        return result;
      }
      for (const auto& c : peers.at(current).connections) {
        if (!usable(peers, current, c.peer, strict) || result.routes.count(c.peer)) continue;
        next.insert(c.peer);
        result.routes[c.peer] = current == start ? c.peer : result.routes[current];
      }
    }
  }
  return result;
}

std::vector<PeerName> hops(const Peers& peers, PeerName self, PeerName origin, bool strict) {
  std::vector<PeerName> result;
  auto reached = search(peers, origin, self, strict);
  if (!reached.found) return result;
  for (const auto& c : peers.at(self).connections) {
    if (usable(peers, self, c.peer, strict) && !reached.routes.count(c.peer)) {
      result.push_back(c.peer);
    }
  }
  return result;
}

}  // namespace

TEST_CASE("routes: definition: tables and trees are those of the naive search") {
  SeededRng rng(1);
  for (int round = 0; round < 200; ++round) {
    auto peers = random_topology(rng, 2 + rng.below(14));
    auto self = name(rng.below(peers.size()));
    Routes routes(self);
    routes.recalculate(peers);
    CHECK(routes.unicast() == search(peers, self, PeerName(), true).routes);
    CHECK(routes.unicast_all() == search(peers, self, PeerName(), false).routes);
    for (const auto& [origin, record] : peers) {
      CHECK(routes.broadcast(origin) == hops(peers, self, origin, true));
      CHECK(routes.broadcast_all(origin) == hops(peers, self, origin, false));
    }
  }
}

TEST_CASE("routes: change: is reported exactly when strict routes can differ") {
  SeededRng rng(2);
  for (int round = 0; round < 200; ++round) {
    auto peers = random_topology(rng, 6);
    Routes routes(name(0));
    routes.recalculate(peers);
    CHECK_FALSE(routes.recalculate(peers));
    auto before = routes.unicast();
    auto changed = random_topology(rng, 6);
    if (rng.below(2) == 0) {
      changed = peers;
      for (auto& [peer, record] : changed) {
        for (auto& c : record.connections)
          c.established = c.established && rng.below(8) != 0;
      }
    }
    for (auto& [peer, record] : changed)
      ++record.version;
    bool reported = routes.recalculate(changed);
    if (!reported) CHECK(routes.unicast() == before);
    Routes fresh(name(0));
    fresh.recalculate(changed);
    CHECK(routes.unicast() == fresh.unicast());
    CHECK(routes.unicast_all() == fresh.unicast_all());
    for (const auto& [origin, record] : changed) {
      CHECK(routes.broadcast(origin) == fresh.broadcast(origin));
      CHECK(routes.broadcast_all(origin) == fresh.broadcast_all(origin));
    }
  }
}

TEST_CASE("routes: change: whoever comes or goes leaves what a new table would hold") {
  SeededRng rng(6);
  for (int round = 0; round < 40; ++round) {
    auto everybody = random_topology(rng, 14);
    Routes routes(name(0));
    for (int step = 0; step < 12; ++step) {
      Peers there;
      for (const auto& [peer, record] : everybody) {
        if (peer == name(0) || rng.below(3) != 0) there[peer] = record;
      }
      routes.recalculate(there);
      Routes fresh(name(0));
      fresh.recalculate(there);
      CHECK(routes.unicast() == fresh.unicast());
      CHECK(routes.unicast_all() == fresh.unicast_all());
      CHECK(routes.tree_neighbours() == fresh.tree_neighbours());
      for (const auto& [origin, record] : there) {
        CHECK(routes.broadcast(origin) == fresh.broadcast(origin));
        CHECK(routes.broadcast_all(origin) == fresh.broadcast_all(origin));
      }
    }
  }
}

TEST_CASE("routes: broadcast: all trees at once are those worked out one by one") {
  SeededRng rng(7);
  for (std::size_t size : std::initializer_list<std::size_t>{1, 2, 5, 9, 14, 40, 700}) {
    auto peers = random_topology(rng, size);
    auto self = name(rng.below(size));
    Routes routes(self);
    routes.recalculate(peers);
    auto all = routes.broadcast_of_all();
    CHECK(all.size() == size);
    for (const auto& [origin, hops_of] : all)
      CHECK(hops_of == routes.broadcast(origin));
  }
}

// From sparse to full, and changes from one to many at a time.
TEST_CASE("routes: broadcast: trees that follow changes are those worked out anew") {
  SeededRng rng(8);
  for (int round = 0; round < 120; ++round) {
    std::size_t size = 2 + rng.below(round < 100 ? 16 : 90);
    std::uint64_t density = 1 + rng.below(size);
    Peers peers;
    for (std::size_t i = 0; i < size; ++i)
      peers[name(i)].name = name(i);
    auto flip = [&](std::size_t a, std::size_t b) {
      for (auto [from, to] : {std::pair{name(a), name(b)}, std::pair{name(b), name(a)}}) {
        auto& record = peers[from];
        ++record.version;
        const auto leads_there = [peer = to](auto& c) {
          return c.peer == peer;
        };
        if (std::erase_if(record.connections, leads_there) == 0) {
          record.connections.push_back({.peer = to, .established = rng.below(6) != 0});
          std::sort(record.connections.begin(), record.connections.end(),
                    [](auto& x, auto& y) { return x.peer < y.peer; });
        }
      }
    };
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = i + 1; j < size; ++j) {
        if (rng.below(size) < density) flip(i, j);
      }
    }
    Routes routes(name(rng.below(size)));
    routes.recalculate(peers);
    (void)routes.broadcast_of_all();
    for (int step = 0; step < 30; ++step) {
      for (std::uint64_t changes = 1 + rng.below(step % 5 == 0 ? size : 2); changes > 0;
           --changes) {
        auto a = rng.below(size);
        flip(a, (a + 1 + rng.below(size - 1)) % size);
      }
      routes.recalculate(peers);
      for (const auto& [origin, hops_of] : routes.broadcast_of_all())
        REQUIRE(hops_of == routes.broadcast(origin));
    }
  }
}

TEST_CASE("routes: broadcast: every peer of a settled mesh gets one copy") {
  SeededRng rng(3);
  for (int round = 0; round < 30; ++round) {
    auto peers = random_topology(rng, 12);
    // Settled: every connection is known, and established, at both ends.
    for (auto& [peer, record] : peers) {
      for (auto& c : record.connections) {
        c.established = true;
        if (connection(peers, c.peer, peer) == nullptr) {
          auto& back = peers.at(c.peer).connections;
          back.push_back({.peer = peer, .established = true});
          std::sort(back.begin(), back.end(), [](auto& a, auto& b) { return a.peer < b.peer; });
        }
      }
    }
    std::map<PeerName, Routes> routes;
    for (const auto& [peer, record] : peers) {
      routes.emplace(peer, Routes(peer)).first->second.recalculate(peers);
    }
    auto origin = name(rng.below(peers.size()));
    std::map<PeerName, int> copies;
    std::vector<PeerName> open{origin};
    while (!open.empty()) {
      auto at = open.back();
      open.pop_back();
      for (auto hop : routes.at(at).broadcast(origin)) {
        if (++copies[hop] == 1) open.push_back(hop);
      }
    }
    for (const auto& [peer, via] : routes.at(origin).unicast()) {
      CHECK(copies[peer] == (peer == origin ? 0 : 1));
    }
  }
}

TEST_CASE("routes: unknown origin: has no tree") {
  Routes routes(name(0));
  routes.recalculate({{name(0), {.name = name(0)}}});
  CHECK(routes.broadcast(name(9)).empty());
  CHECK(routes.unicast() == std::map<PeerName, PeerName>{{name(0), PeerName()}});
}

TEST_CASE("routes: random neighbours: as many as the protocol says, and not the excepted one") {
  SeededRng rng(4);
  for (std::size_t size : std::initializer_list<std::size_t>{1, 2, 3, 5, 16, 40}) {
    Peers peers;
    for (std::size_t i = 0; i < size; ++i) {
      peers[name(i)].name = name(i);
      for (std::size_t j = 0; j < size; ++j) {
        if (i != j) peers[name(i)].connections.push_back({.peer = name(j)});
      }
    }
    Routes routes(name(0));
    routes.recalculate(peers);
    auto chosen = routes.random_neighbours(name(1), rng);
    auto wanted = static_cast<std::size_t>(std::min(2 * std::log2(static_cast<double>(size)),
                                                    static_cast<double>(size < 2 ? 0 : size - 2)));
    CHECK(chosen.size() == wanted);
    CHECK(std::set(chosen.begin(), chosen.end()).size() == chosen.size());
    CHECK(std::find(chosen.begin(), chosen.end(), name(1)) == chosen.end());
    CHECK(std::find(chosen.begin(), chosen.end(), name(0)) == chosen.end());
  }
}

TEST_CASE("routes: random neighbours: whoever has more behind it is chosen more often") {
  // 0 - 1, and 0 - 2 - {3..17}; of 18 peers at most eight are wanted, so both are taken; with the
  // draw ordered, the busier one is usually first.
  Peers peers;
  for (std::size_t i = 0; i < 18; ++i)
    peers[name(i)].name = name(i);
  auto join = [&](std::size_t a, std::size_t b) {
    peers[name(a)].connections.push_back({.peer = name(b)});
    peers[name(b)].connections.push_back({.peer = name(a)});
  };
  join(0, 1);
  join(0, 2);
  for (std::size_t i = 3; i < 18; ++i)
    join(2, i);
  Routes routes(name(0));
  routes.recalculate(peers);
  SeededRng rng(5);
  int first = 0;
  for (int i = 0; i < 1000; ++i) {
    auto chosen = routes.random_neighbours(PeerName(), rng);
    REQUIRE(chosen.size() == 2);
    if (chosen[0] == name(2)) ++first;
  }
  CHECK(first > 900);  // 16 of 17
  CHECK(first < 975);
}
