// SPDX-License-Identifier: Apache-2.0
// What a whole topology of a full mesh, a difference and a whole ring cost to decode and to take
// in, at three sizes each: the cost per connection and per token must not grow with them.
#include <algorithm>

#include <benchmark/benchmark.h>

#include "gossip/routes.h"
#include "gossip/topology.h"
#include "ipam-crdt/allocator.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/interval_set.h"

using namespace weft;
using namespace weft::gossip;

namespace {

PeerName name(std::uint64_t number) {
  return PeerName::from_u48((std::uint64_t{0x7a} << 40) + number);
}

std::vector<PeerRecord> full_mesh(std::uint64_t peers, std::uint64_t version) {
  std::vector<PeerRecord> records;
  for (std::uint64_t i = 1; i <= peers; ++i) {
    PeerRecord record{
        .name = name(i), .nickname = "host", .uid = {i}, .version = version, .short_id = {}};
    for (std::uint64_t j = 1; j <= peers; ++j) {
      if (i == j) continue;
      record.connections.push_back(
          {.peer = name(j),
           .remote_address =
               Endpoint{.ip = {0x0a630000U + static_cast<std::uint32_t>(j)}, .port = 6783},
           .outbound = i < j,
           .established = true});
    }
    records.push_back(std::move(record));
  }
  return records;
}

void count_connections(benchmark::State& state) {
  auto peers = state.range(0);
  state.counters["connection"] = benchmark::Counter(
      static_cast<double>(peers * (peers - 1)),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void decode_topology(benchmark::State& state) {
  auto bytes = write_topology(full_mesh(static_cast<std::uint64_t>(state.range(0)), 2));
  for (auto _ : state)
    benchmark::DoNotOptimize(parse_topology(bytes));
  count_connections(state);
}

// All records are news, as after a long absence.
void apply_topology(benchmark::State& state) {
  auto peers = static_cast<std::uint64_t>(state.range(0));
  Topology topology({.name = name(1), .uid = {1}});
  std::uint64_t version = 1;
  for (auto _ : state) {
    state.PauseTiming();
    auto update = full_mesh(peers, ++version);
    for (auto& record : update)
      record.connections[version % (peers - 1)].established = version % 2 == 0;
    state.ResumeTiming();
    benchmark::DoNotOptimize(topology.apply(std::move(update)));
  }
  count_connections(state);
}

// One connection of the mesh changes: the record comes as a difference, and routes and
// the broadcast trees of all origins follow.
void one_change(benchmark::State& state) {
  auto peers = static_cast<std::uint64_t>(state.range(0));
  Topology topology({.name = name(1), .uid = {1}});
  auto update = full_mesh(peers, 2);
  for (const auto& connection : update[0].connections)
    topology.add_connection(connection);
  topology.apply(update);
  Topology owner(topology);
  Routes routes(name(1));
  routes.recalculate(topology.peers());
  benchmark::DoNotOptimize(routes.broadcast_of_all());
  auto record = *topology.find(name(2));
  for (auto _ : state) {
    ++record.version;
    record.connections.back().established = !record.connections.back().established;
    owner.apply({record});
    auto rebuilt = topology.rebuild(*owner.delta(name(2), record.version - 1));
    topology.apply({*rebuilt});
    benchmark::DoNotOptimize(routes.recalculate(topology.peers()));
    benchmark::DoNotOptimize(routes.broadcast_of_all());
  }
}

// A record of one peer, of other connections in every second version.
PeerRecord long_record(std::uint64_t connections, std::uint64_t version) {
  PeerRecord record{.name = name(2), .uid = {2}, .version = version, .short_id = {}};
  for (std::uint64_t i = 0; i < connections; ++i) {
    record.connections.push_back(
        {.peer = name(10 + 2 * i + version % 2),
         .remote_address =
             Endpoint{.ip = {0x0a630000U + static_cast<std::uint32_t>(i)}, .port = 6783},
         .outbound = true,
         .established = true});
  }
  return record;
}

RecordDelta difference(const PeerRecord& from, const PeerRecord& to) {
  RecordDelta delta{.name = to.name, .uid = to.uid, .version = to.version, .since = from.version};
  for (const auto& gone : from.connections)
    delta.changes.push_back({.connection = {.peer = gone.peer}, .gone = true});
  for (const auto& connection : to.connections) {
    delta.check += fingerprint(connection);
    delta.changes.push_back({.connection = connection});
  }
  std::sort(delta.changes.begin(), delta.changes.end(),
            [](const auto& a, const auto& b) { return a.connection.peer < b.connection.peer; });
  return delta;
}

// The worst that a difference can be: all connections of a long record go, and as many come, each
// in between two that were there.
void adversarial_delta(benchmark::State& state) {
  auto before = long_record(static_cast<std::uint64_t>(state.range(0)), 2);
  auto after = long_record(static_cast<std::uint64_t>(state.range(0)), 3);
  auto delta = difference(before, after);
  Topology topology({.name = name(1), .uid = {1}});
  topology.add_connection({.peer = name(2), .remote_address = Endpoint{}, .outbound = true});
  topology.apply({before});
  for (auto _ : state)
    benchmark::DoNotOptimize(topology.rebuild(delta));
  auto rebuilt = topology.rebuild(delta);
  if (!rebuilt || rebuilt->connections != after.connections) {
    state.SkipWithError("the difference does not apply");
  }
  state.counters["change"] = benchmark::Counter(
      static_cast<double>(delta.changes.size()),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// The broadcast trees of all origins, as somebody has come or gone.
void all_trees(benchmark::State& state) {
  Topology topology({.name = name(1), .uid = {1}});
  auto update = full_mesh(static_cast<std::uint64_t>(state.range(0)), 2);
  for (const auto& connection : update[0].connections)
    topology.add_connection(connection);
  topology.apply(update);
  for (auto _ : state) {
    state.PauseTiming();
    Routes routes(name(1));
    routes.recalculate(topology.peers());
    state.ResumeTiming();
    benchmark::DoNotOptimize(routes.broadcast_of_all());
  }
}

ipam::RingData ring_of(std::uint32_t tokens) {
  ipam::RingData ring{.universe = Cidr::parse("10.32.0.0/12")->range(), .holder = name(1)};
  auto step = static_cast<std::uint32_t>(ring.universe.size() / tokens);
  for (std::uint32_t i = 0; i < tokens; ++i) {
    ring.entries.push_back({.token = ring.universe.start + i * step,
                            .peer = name(1 + i % 300),
                            .version = 1 + i % 7,
                            .free = step / 2});
  }
  return ring;
}

void count_tokens(benchmark::State& state) {
  state.counters["token"] = benchmark::Counter(
      static_cast<double>(state.range(0)),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void decode_ring(benchmark::State& state) {
  auto ring = ring_of(static_cast<std::uint32_t>(state.range(0)));
  auto bytes = ipam::write_state({.nicknames = {}, .ring = &ring});
  for (auto _ : state)
    benchmark::DoNotOptimize(ipam::parse_state(bytes));
  state.counters["bytes"] = static_cast<double>(bytes.size());
  count_tokens(state);
}

// The quiet case: nothing of what comes is news.
void merge_ring(benchmark::State& state) {
  auto theirs = ring_of(static_cast<std::uint32_t>(state.range(0)));
  ipam::Ring ring(theirs.universe, name(2));
  ipam::IntervalSet used;
  if (ring.merge(theirs, used).error) state.SkipWithError("the ring was refused");
  for (auto _ : state)
    benchmark::DoNotOptimize(ring.merge(theirs, used));
  count_tokens(state);
}

// A newer version of every token but ours, as after a long absence.
void make_news(ipam::RingData& ring) {
  for (auto& entry : ring.entries) {
    ++entry.version;
    entry.free ^= 1;
  }
}

void merge_news(benchmark::State& state) {
  auto theirs = ring_of(static_cast<std::uint32_t>(state.range(0)));
  ipam::Ring ring(theirs.universe, name(301));  // who owns nothing of it
  ipam::IntervalSet used;
  if (ring.merge(theirs, used).error) state.SkipWithError("the ring was refused");
  for (auto _ : state) {
    state.PauseTiming();
    make_news(theirs);
    state.ResumeTiming();
    benchmark::DoNotOptimize(ring.merge(theirs, used));
  }
  count_tokens(state);
}

class Everybody final : public ipam::MeshView {
 public:
  bool known(PeerName) const override { return true; }
  bool reachable(PeerName) const override { return true; }
  std::size_t active_target_count() const override { return 1; }
};

// All that follows from a message with such a ring, up to what is to be stored.
void take_in_ring(benchmark::State& state) {
  auto theirs = ring_of(static_cast<std::uint32_t>(state.range(0)));
  auto range = *Cidr::parse("10.32.0.0/12");
  SeededRng rng(1);
  Everybody mesh;
  ipam::Allocator allocator({.name = name(301),
                             .uid = {301},
                             .nickname = "host",
                             .universe = range,
                             .default_subnet = range,
                             .init = ipam::InitObserver{},
                             .wall = {}},
                            rng, mesh);
  TimePoint now{std::chrono::hours(1)};
  ipam::Effects effects;
  allocator.start(now, {}, effects);
  for (auto _ : state) {
    state.PauseTiming();
    make_news(theirs);
    auto bytes = ipam::write_state({.nicknames = {}, .ring = &theirs});
    effects.clear();
    now += std::chrono::seconds(1);
    state.ResumeTiming();
    if (!allocator.on_gossip(now, bytes, effects)) {
      return state.SkipWithError("the ring was refused");
    }
    benchmark::DoNotOptimize(effects);
  }
  count_tokens(state);
}

BENCHMARK(decode_topology)->Arg(75)->Arg(150)->Arg(300)->Unit(benchmark::kMicrosecond);
BENCHMARK(apply_topology)->Arg(75)->Arg(150)->Arg(300)->Unit(benchmark::kMicrosecond);
BENCHMARK(one_change)->Arg(75)->Arg(150)->Arg(300)->Unit(benchmark::kMicrosecond);
BENCHMARK(adversarial_delta)->Arg(2500)->Arg(5000)->Arg(10000)->Unit(benchmark::kMicrosecond);
BENCHMARK(all_trees)->Arg(75)->Arg(150)->Arg(300)->Unit(benchmark::kMicrosecond);
BENCHMARK(decode_ring)->Arg(2500)->Arg(5000)->Arg(10000)->Unit(benchmark::kMicrosecond);
BENCHMARK(merge_ring)->Arg(2500)->Arg(5000)->Arg(10000)->Unit(benchmark::kMicrosecond);
BENCHMARK(merge_news)->Arg(2500)->Arg(5000)->Arg(10000)->Unit(benchmark::kMicrosecond);
BENCHMARK(take_in_ring)->Arg(2500)->Arg(5000)->Arg(10000)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
