// SPDX-License-Identifier: Apache-2.0
// Keys and counters over the life of a tunnel: nonces never repeat, epochs never come back.
#include <deque>
#include <set>

#include <doctest/doctest.h>

#include "tests/unit/swift/hosts.h"

namespace weft::test {
namespace {

// Number of datagrams that leave for `frames` frames.
std::size_t send(Host& host, std::size_t frames = 1) {
  for (std::size_t i = 0; i < frames; ++i) {
    Bytes frame;
    Writer(frame).u48(0xffffffffffff).u48(0x020000000001).u16(0x9999).zeros(50);
    host.capture(frame);
  }
  return host.flush().size();
}

TEST_CASE("swift: epochs: no stream, counter and epoch is ever used twice, whatever is applied") {
  SeededRng rng(1);
  const std::uint8_t workers = 3;
  std::deque<Host> hosts;
  Host peer(9);
  for (std::uint8_t i = 0; i < workers; ++i) {
    hosts.emplace_back(1, swift::Forwarder::Config{.stream = i, .workers = workers});
    join(hosts.back(), peer, rng);
    hosts.back().tunnel_to(peer).index = 77;
    hosts.back().tunnel_to(peer).peer_index = 88;
    hosts.back().tunnel_to(peer).epochs.clear();
    hosts.back().tunnel_to(peer).send_epoch.reset();
  }
  std::vector<std::shared_ptr<const swift::EpochKeys>> all;
  for (std::uint32_t epoch = 1; epoch <= 12; ++epoch)
    all.push_back(make_keys(epoch, rng).first);
  std::set<Bytes> nonces;
  std::size_t sent = 0;
  for (int round = 0; round < 600; ++round) {
    Host& host = hosts[rng.below(workers)];
    if (rng.below(3) == 0) {
      // Any epochs in any order, the tunnel gone and back: a Spec as no control thread makes it.
      auto& tunnel = host.tunnel_to(peer);
      tunnel.epochs.clear();
      for (std::size_t i = rng.below(4); i > 0; --i)
        tunnel.epochs.push_back(all[rng.below(all.size())]);
      tunnel.send_epoch.reset();
      if (!tunnel.epochs.empty() && rng.below(5) != 0) {
        tunnel.send_epoch = tunnel.epochs[rng.below(tunnel.epochs.size())]->epoch;
      }
      swift::Spec spec = host.spec;
      if (rng.below(4) == 0) spec.tunnels.clear();
      host.forwarder.apply(spec);
    }
    Bytes frame;
    Writer(frame).u48(0xffffffffffff).u48(0x020000000001).u16(0x9999).zeros(50);
    host.capture(frame);
    for (const auto& [to, datagram] : host.flush()) {
      ++sent;
      // Stream, epoch and counter: with the key's salt, the nonce.
      Bytes nonce(datagram.bytes.begin() + 1, datagram.bytes.begin() + 4);
      nonce.insert(nonce.end(), datagram.bytes.begin() + 8, datagram.bytes.begin() + 16);
      CHECK(nonces.insert(nonce).second);
    }
  }
  CHECK(sent > 20);
  CHECK(hosts[0].forwarder.counters().refused_epochs > 0);
}

TEST_CASE("swift: epochs: streams under one key differ in what they seal") {
  SeededRng rng(2);
  const auto keys = make_keys(1, rng);
  std::set<Bytes> texts;
  for (std::uint8_t stream = 0; stream < 4; ++stream) {
    Host host(1, {.stream = stream, .workers = 4});
    Host peer(2);
    join(host, peer, rng);
    swift::TunnelSpec tunnel = host.tunnel_to(peer);
    host.spec.tunnels.clear();
    host.apply();
    tunnel.index = 5;
    tunnel.epochs = {keys.first};
    host.spec.tunnels = {tunnel};
    host.apply();
    Bytes frame;
    Writer(frame).u48(0xffffffffffff).u48(0x020000000001).u16(0x9999).zeros(50);
    host.capture(frame);
    const auto sent = host.flush();
    REQUIRE(sent.size() == 1);
    texts.insert(to_bytes(ByteView(sent[0].second.bytes).subspan(16, 32)));
  }
  CHECK(texts.size() == 4);
}

TEST_CASE("swift: epochs: both are taken while both are named, and the old one not after") {
  SeededRng rng(3);
  Host a(1), b(2);
  join(a, b, rng);
  const auto next = make_keys(2, rng);
  a.capture(Bytes(*from_hex("ffffffffffff0200000000019999")));
  const Datagram old = a.flush().at(0).second;
  a.capture(Bytes(*from_hex("ffffffffffff0200000000019999")));
  const Datagram older = a.flush().at(0).second;
  a.tunnel_to(b).epochs.push_back(next.first);
  a.tunnel_to(b).send_epoch = 2;
  a.apply();
  b.tunnel_to(a).epochs.push_back(next.second);
  b.apply();
  a.capture(Bytes(*from_hex("ffffffffffff0200000000019999")));
  const Datagram fresh = a.flush().at(0).second;
  b.receive(fresh);
  b.receive(old);
  b.flush();
  CHECK(b.injected.size() == 2);
  const auto first = b.events_of<swift::FirstOfEpoch>();
  REQUIRE(first.size() == 2);
  CHECK(first[0].epoch == 2);
  CHECK(first[1].epoch == 1);
  b.tunnel_to(a).epochs.erase(b.tunnel_to(a).epochs.begin());
  b.apply();
  b.receive(older);
  b.receive(fresh);
  b.flush();
  CHECK(b.injected.empty());
  CHECK(b.forwarder.counters().dropped_stale_epoch == 1);
  CHECK(b.forwarder.counters().dropped_replayed == 1);
}

TEST_CASE("swift: epochs: an encrypted tunnel sends nothing without a key, and is never plain") {
  SeededRng rng(4);
  Host a(1), b(2);
  join(a, b, rng);
  CHECK(send(a) == 1);
  a.tunnel_to(b).send_epoch.reset();
  a.apply();
  CHECK(send(a) == 0);
  CHECK(a.forwarder.counters().dropped_no_key == 1);
  a.tunnel_to(b).encrypted = false;
  a.apply();
  CHECK(send(a) == 0);
  CHECK(a.forwarder.counters().dropped_no_key == 2);
}

TEST_CASE("swift: epochs: new keys are asked for once, by number of datagrams") {
  SeededRng rng(5);
  Host a(1, {.counter_high = 10}), b(2);
  join(a, b, rng);
  CHECK(send(a, 9) == 9);
  CHECK(a.events_of<swift::CounterHigh>().empty());
  CHECK(send(a, 20) == 20);
  REQUIRE(a.events_of<swift::CounterHigh>().size() == 1);
  CHECK(a.events_of<swift::CounterHigh>()[0].epoch == 1);
  CHECK(a.events_of<swift::CounterHigh>()[0].tunnel == a.tunnel_to(b).index);
  send(a, 20);
  CHECK(a.events_of<swift::CounterHigh>().empty());
}

TEST_CASE("swift: epochs: what a Spec keeps goes on where it was") {
  SeededRng rng(6);
  Host a(1), b(2);
  join(a, b, rng);
  send(a, 5);
  a.apply();
  Bytes frame;
  Writer(frame).u48(0xffffffffffff).u48(0x020000000001).u16(0x9999).zeros(50);
  a.capture(frame);
  const auto sent = a.flush();
  REQUIRE(sent.size() == 1);
  CHECK(load_u64(ByteView(sent[0].second.bytes).subspan(8)) == 5);
}

}  // namespace
}  // namespace weft::test
