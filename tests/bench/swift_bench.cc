// SPDX-License-Identifier: Apache-2.0
// What the packet path costs per byte and per packet: ciphers, cutting, joining, look-ups, and the
// whole way out and in. Bytes are those of Ethernet frames or texts, items are datagrams.
#include <algorithm>
#include <string>

#include <benchmark/benchmark.h>

#include "router/overlay/mac_table.h"
#include "router/swift/core/coalesce.h"
#include "router/swift/core/replay_window.h"
#include "router/swift/core/segment.h"
#include "tests/unit/swift/hosts.h"

namespace weft::test {
namespace {

constexpr std::size_t kMss = 1348;

struct SuperFrame {
  explicit SuperFrame(const Shape& shape, std::size_t size)
      : frame(partial_frame(shape)), header(gso_header(shape, frame, size)) {
    room.resize(swift::Forwarder::kHeadroom);
    append(room, frame);
  }
  // Cutting writes over the frame, as the next read from the TAP device would.
  void refresh() { std::ranges::copy(frame, room.begin() + swift::Forwarder::kHeadroom); }

  Bytes frame;
  swift::VnetHeader header;
  Bytes room;
};

const Shape& tcp_shape() {
  static const Shape shape{.payload = kMss * 44, .tcp_options = 12};
  return shape;
}

void seal(benchmark::State& state, crypto::AeadChoice choice) {
  SeededRng rng(1);
  crypto::Secret<32> key;
  rng.fill(key.fill());
  const auto aead = crypto::make_packet_aead(choice.cipher, choice.provider, key);
  if (!aead) return state.SkipWithError("not on this machine");
  const auto size = static_cast<std::size_t>(state.range(0));
  Bytes text(size), box(size + crypto::kAeadTagSize), header(16);
  crypto::AeadNonce nonce{};
  std::uint64_t number = 0;
  for (auto _ : state) {
    store_u64(nonce, ++number);
    aead->seal(nonce, header, text, box);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}

void open(benchmark::State& state, crypto::AeadChoice choice) {
  SeededRng rng(1);
  crypto::Secret<32> key;
  rng.fill(key.fill());
  const auto aead = crypto::make_packet_aead(choice.cipher, choice.provider, key);
  if (!aead) return state.SkipWithError("not on this machine");
  const auto size = static_cast<std::size_t>(state.range(0));
  Bytes sealed(size + crypto::kAeadTagSize), header(16);
  const crypto::AeadNonce nonce{};
  aead->seal(nonce, header, sealed);
  Bytes box;
  for (auto _ : state) {
    box = sealed;  // opened in place; a copy of 1,400 bytes takes some 20 ns
    if (!aead->open(nonce, header, box)) return state.SkipWithError("it does not open");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}

void cut(benchmark::State& state) {
  SuperFrame super(tcp_shape(), kMss);
  for (auto _ : state) {
    auto cutter = swift::SegmentCutter::make(super.header, super.room);
    swift::Segment segment;
    while (cutter->next(segment))
      benchmark::DoNotOptimize(segment.room.data());
    // The first segment's headers are at the front, as the next round needs them, but its length.
    std::copy_n(super.frame.begin(), 100, super.room.begin() + swift::Forwarder::kHeadroom);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 44));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * super.frame.size()));
}
BENCHMARK(cut);

void join_segments(benchmark::State& state) {
  SuperFrame super(tcp_shape(), kMss);
  std::vector<Bytes> rooms;
  std::vector<swift::Segment> segments;
  auto cutter = swift::SegmentCutter::make(super.header, super.room);
  swift::Segment segment;
  while (cutter->next(segment)) {
    rooms.push_back(to_bytes(segment.room));
    segments.push_back(segment);
  }
  const Bytes first = rooms[0];
  for (std::size_t i = 0; i < rooms.size(); ++i)
    segments[i].room = rooms[i];
  swift::Coalescer coalescer({});
  swift::Output out;
  for (auto _ : state) {
    std::copy_n(first.begin(), 120, rooms[0].begin());
    for (const auto& s : segments)
      coalescer.add(s, out);
    coalescer.flush(out);
    benchmark::DoNotOptimize(out.injections.size());
    out.clear();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * segments.size()));
}
BENCHMARK(join_segments);

struct Pair {
  explicit Pair(bool encrypted, crypto::AeadChoice aead = crypto::usable_aeads().front()) {
    SeededRng rng(1);
    join(a, b, rng, {.encrypted = encrypted, .aead = aead});
    for (Host* host : {&a, &b}) {
      host->forwarder.learn(kStart, MacAddr{0x020000000001}, a.name);
      host->forwarder.learn(kStart, MacAddr{0x020000000002}, b.name);
    }
  }
  Host a{1};
  Host b{2};
};

void send_super_frame(benchmark::State& state, bool encrypted, crypto::AeadChoice aead) {
  Pair pair(encrypted, aead);
  SuperFrame super(tcp_shape(), kMss);
  for (auto _ : state) {
    std::copy_n(super.frame.begin(), 100, super.room.begin() + swift::Forwarder::kHeadroom);
    pair.a.forwarder.on_super_frame(kStart, super.header, super.room, pair.a.out);
    pair.a.forwarder.flush(kStart, pair.a.out);
    benchmark::DoNotOptimize(pair.a.out.trains.size());
    pair.a.out.clear();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 44));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * super.frame.size()));
}

// Every datagram is new to the receiver, so sealing is part of each round; it is not counted.
void receive_super_frame(benchmark::State& state, bool encrypted, crypto::AeadChoice aead) {
  Pair pair(encrypted, aead);
  SuperFrame super(tcp_shape(), kMss);
  std::vector<std::pair<Endpoint, Datagram>> sent;
  for (auto _ : state) {
    state.PauseTiming();
    super.refresh();
    pair.a.forwarder.on_super_frame(kStart, super.header, super.room, pair.a.out);
    sent = pair.a.flush();
    state.ResumeTiming();
    for (auto& [to, datagram] : sent)
      pair.b.forwarder.on_datagram(kStart, datagram.from, datagram.bytes, pair.b.out);
    pair.b.forwarder.flush(kStart, pair.b.out);
    benchmark::DoNotOptimize(pair.b.out.injections.size());
    pair.b.out.clear();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * sent.size()));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * super.frame.size()));
}

void send_small(benchmark::State& state) {
  Pair pair(true);
  SuperFrame small({.tcp = false, .payload = 64}, 64);
  for (auto _ : state) {
    for (int i = 0; i < 64; ++i)
      pair.a.forwarder.on_super_frame(kStart, small.header, small.room, pair.a.out);
    pair.a.forwarder.flush(kStart, pair.a.out);
    pair.a.out.clear();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 64));
}
BENCHMARK(send_small);

void look_up_mac(benchmark::State& state) {
  overlay::MacTable table;
  for (std::uint64_t i = 0; i < 10000; ++i)
    table.add(kStart, MacAddr{i * 7919}, peer_name(i % 300));
  std::uint64_t i = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(table.find(MacAddr{(i++ % 10000) * 7919}));
}
BENCHMARK(look_up_mac);

void replay_window(benchmark::State& state) {
  swift::ReplayWindow window;
  std::uint64_t counter = 0;
  for (auto _ : state) {
    if (window.fresh(counter)) window.accept(counter);
    ++counter;
  }
}
BENCHMARK(replay_window);

void add_for(crypto::AeadChoice aead) {
  const std::string name =
      std::string(to_string(aead.cipher)) + "/" + std::string(to_string(aead.provider));
  for (const std::int64_t size : {64, 1400}) {
    benchmark::RegisterBenchmark(("seal/" + name).c_str(), seal, aead)->Arg(size);
    benchmark::RegisterBenchmark(("open/" + name).c_str(), open, aead)->Arg(size);
  }
  benchmark::RegisterBenchmark(("send_super_frame/" + name).c_str(), send_super_frame, true, aead);
  benchmark::RegisterBenchmark(("receive_super_frame/" + name).c_str(), receive_super_frame, true,
                               aead);
}

}  // namespace
}  // namespace weft::test

int main(int argc, char** argv) {
  using weft::crypto::AeadProvider;
  using weft::crypto::Cipher;
  weft::test::add_for({Cipher::aes_256_gcm, AeadProvider::ipsec_mb});
  weft::test::add_for({Cipher::aes_256_gcm, AeadProvider::sodium});
  weft::test::add_for({Cipher::chacha20_poly1305, AeadProvider::sodium});
  benchmark::RegisterBenchmark("send_super_frame/plain", weft::test::send_super_frame, false,
                               weft::crypto::AeadChoice{});
  benchmark::RegisterBenchmark("receive_super_frame/plain", weft::test::receive_super_frame, false,
                               weft::crypto::AeadChoice{});
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
