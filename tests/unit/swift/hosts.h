// SPDX-License-Identifier: Apache-2.0
// Hosts for the tests of the packet path: each has one Forwarder, an Output, and a spec that the
// test may change. Datagrams are carried by hand, so a test decides what the network does.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "router/swift/core/forwarder.h"
#include "tests/unit/packet/samples.h"

namespace weft::test {

inline PeerName peer_name(std::uint64_t n) {
  return PeerName::from_u48(0x7a0000000000 + n);
}
inline constexpr TimePoint kStart{std::chrono::hours{1}};

struct Datagram {
  Endpoint from;
  Bytes bytes;
};

// What a TAP device would get.
struct Injected {
  swift::VnetHeader header;
  Bytes frame;
};

using KeysPair =
    std::pair<std::shared_ptr<const swift::EpochKeys>, std::shared_ptr<const swift::EpochKeys>>;

// One epoch as both ends hold it.
inline KeysPair make_keys(std::uint32_t epoch, Rng& rng,
                          crypto::AeadChoice aead = crypto::usable_aeads().front()) {
  auto a = std::make_shared<swift::EpochKeys>();
  auto b = std::make_shared<swift::EpochKeys>();
  a->epoch = b->epoch = epoch;
  a->aead = b->aead = aead;
  rng.fill(a->send_key.fill());
  rng.fill(a->receive_key.fill());
  rng.fill(a->send_salt);
  rng.fill(a->receive_salt);
  b->send_key = a->receive_key.clone();
  b->receive_key = a->send_key.clone();
  b->send_salt = a->receive_salt;
  b->receive_salt = a->send_salt;
  return {a, b};
}

class Host {
 public:
  explicit Host(std::uint64_t number, swift::Forwarder::Config config = {})
      : name(peer_name(number)),
        address{.ip = {0x0a000000U + static_cast<std::uint32_t>(number)}, .port = 6783},
        forwarder(with_name(config, name)) {}

  swift::TunnelSpec& tunnel_to(const Host& other) {
    for (auto& tunnel : spec.tunnels) {
      if (tunnel.peer == other.name) return tunnel;
    }
    return spec.tunnels.emplace_back();
  }
  void apply() { forwarder.apply(spec); }

  // A frame from the TAP device; the batch stays open.
  void capture(ByteView frame, const swift::VnetHeader& header = {}, TimePoint now = kStart) {
    Bytes& room = buffers.emplace_back(swift::Forwarder::kHeadroom + frame.size());
    std::copy(frame.begin(), frame.end(), room.begin() + swift::Forwarder::kHeadroom);
    forwarder.on_super_frame(now, header, room, out);
  }
  void receive(const Datagram& datagram, TimePoint now = kStart) {
    Bytes& buffer = buffers.emplace_back(datagram.bytes);
    forwarder.on_datagram(now, datagram.from, buffer, out);
  }
  // Ends the batch. Datagrams by the address they go to.
  std::vector<std::pair<Endpoint, Datagram>> flush(TimePoint now = kStart) {
    forwarder.flush(now, out);
    std::vector<std::pair<Endpoint, Datagram>> sent;
    for (const swift::Train& train : out.trains) {
      ByteView rest = train.bytes;
      while (!rest.empty()) {
        const std::size_t size = std::min<std::size_t>(train.segment_size, rest.size());
        sent.push_back({train.to, {address, to_bytes(rest.first(size))}});
        rest = rest.subspan(size);
      }
    }
    injected.clear();
    for (const swift::Injection& injection : out.injections) {
      Bytes frame;
      for (std::size_t i = 0; i < injection.count; ++i)
        append(frame, out.pieces[injection.first + i]);
      injected.push_back({injection.header, frame});
    }
    events = out.events;
    for_control.clear();
    for (const auto& frame : out.for_control) {
      const auto first = out.hops.begin() + static_cast<std::ptrdiff_t>(frame.first_hop);
      for_control.push_back({frame,
                             to_bytes(frame.bytes),
                             {first, first + static_cast<std::ptrdiff_t>(frame.hop_count)}});
    }
    trains = out.trains.size();
    out.clear();
    buffers.clear();
    return sent;
  }
  template <class E>
  std::vector<E> events_of() const {
    std::vector<E> found;
    for (const auto& event : events) {
      if (const auto* e = std::get_if<E>(&event)) found.push_back(*e);
    }
    return found;
  }

  struct ControlFrame {
    swift::FrameForControl said;
    Bytes bytes;
    std::vector<PeerName> hops;
  };

  PeerName name;
  Endpoint address;
  swift::Spec spec;
  swift::Forwarder forwarder;
  swift::Output out;
  // Of the last batch:
  std::vector<Injected> injected;
  std::vector<ControlFrame> for_control;
  std::vector<swift::Event> events;
  std::size_t trains = 0;

 private:
  static swift::Forwarder::Config with_name(swift::Forwarder::Config config, PeerName name) {
    config.us = name;
    return config;
  }
  std::list<Bytes> buffers;
};

struct JoinOptions {
  bool encrypted = true;
  int path_mtu = 1500;
  bool carries_frames = true;
  crypto::AeadChoice aead = crypto::usable_aeads().front();
};

// A tunnel between two hosts, with one epoch if it is encrypted. Routes are added both ways.
inline void join(Host& a, Host& b, Rng& rng, JoinOptions options = {}) {
  const auto keys = make_keys(1, rng, options.aead);
  const auto index_a = static_cast<std::uint32_t>(rng.next());
  const auto index_b = static_cast<std::uint32_t>(rng.next());
  const auto set = [&options](Host& host, const Host& other, std::uint32_t ours,
                              std::uint32_t theirs, const auto& epoch) {
    swift::TunnelSpec& t = host.tunnel_to(other);
    t.peer = other.name;
    t.index = ours;
    t.peer_index = theirs;
    t.remote = other.address;
    t.local = host.address.ip;
    t.path_mtu = options.path_mtu;
    t.encrypted = options.encrypted;
    t.carries_frames = options.carries_frames;
    if (options.encrypted) {
      t.epochs = {epoch};
      t.send_epoch = epoch->epoch;
    }
    host.spec.unicast[other.name] = other.name;
    host.spec.broadcast_hops[host.name].push_back(other.name);
    host.spec.broadcast_hops[other.name];
    host.apply();
  };
  set(a, b, index_a, index_b, keys.first);
  set(b, a, index_b, index_a, keys.second);
}

// Everything `from` has sent in its batch arrives at `to`, whose batch then ends too.
inline std::size_t carry(Host& from, Host& to, TimePoint now = kStart) {
  const auto sent = from.flush(now);
  for (const auto& [where, datagram] : sent)
    to.receive(datagram, now);
  return sent.size();
}

inline swift::VnetHeader gso_header(const Shape& shape, ByteView frame, std::size_t size) {
  const auto layers = packet::parse_layers(frame);
  const auto start = static_cast<std::uint16_t>(layers->transport_at);
  const auto headers = start + (shape.tcp ? 20 + shape.tcp_options : 8);
  const auto kind = !shape.tcp ? swift::Gso::udp
                    : shape.v6 ? swift::Gso::tcp_v6
                               : swift::Gso::tcp_v4;
  const bool cut = frame.size() - shape.padding > headers + size;
  return {.gso = cut ? kind : swift::Gso::none,
          .needs_checksum = true,
          .header_size = cut ? static_cast<std::uint16_t>(headers) : std::uint16_t{0},
          .segment_size = cut ? static_cast<std::uint16_t>(size) : std::uint16_t{0},
          .checksum_start = start,
          .checksum_offset = static_cast<std::uint16_t>(shape.tcp ? 16 : 6)};
}

}  // namespace weft::test
