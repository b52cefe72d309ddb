// SPDX-License-Identifier: Apache-2.0
// The control machine of the swift tunnel to one neighbour: keys, whether the path carries
// datagrams, and what the packet workers are to know of it. It lives as long as the link; a path
// that fails is tried again. The data plane drives it and decides whether frames use it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gossip/link_id.h"
#include "router/swift/core/key_exchange.h"
#include "router/swift/core/output.h"
#include "router/swift/core/path.h"

namespace weft::swift {

struct TunnelConfig {
  gossip::LinkId link;
  PeerName us;
  PeerName them;
  std::uint64_t conn_uid = 0;
  bool outbound = false;  // we dialled the TCP connection
  // Of the TCP connection. If we dialled, datagrams go to the same address and port; if not, the
  // first heartbeat tells where to send.
  Endpoint tcp_remote;
  Ipv4Addr local;
  std::uint16_t port = 0;                   // our UDP port
  std::optional<crypto::SessionKey> key;    // present: everything is sealed, both ways
  std::vector<crypto::AeadChoice> aeads;    // of this machine, fastest first
  std::vector<std::uint16_t> stream_ports;  // the source port of each packet worker
  int mtu_ceiling = 1500;                   // of our side of the path, in bytes of IP packet
  Duration rekey_interval = std::chrono::seconds(120);
};

// What keeps a tunnel from carrying frames: no answer to datagrams, or no keys to use.
enum class TunnelFault : std::uint8_t { none, path, keys };

struct TunnelStatus {
  bool encrypted = false;
  std::optional<crypto::AeadChoice> aead;  // of the keys in use
  std::optional<std::uint32_t> epoch;      // likewise
  std::optional<TimePoint> keys_since;     // likewise
  int path_mtu = 0;                        // bytes of IP packet
  bool one_source_port = false;
  Endpoint remote;  // port 0: not known yet
  std::optional<Duration> round_trip;
  TunnelFault fault = TunnelFault::none;
  std::string trouble;             // why it carries nothing; empty if it could
  std::optional<TimePoint> retry;  // when a path that is down is tried again
};

class Tunnel {
 public:
  // `rng` outlives this.
  Tunnel(const TunnelConfig& config, Rng& rng);

  void start(TimePoint now, TunnelEffects& out);
  // Error: not a message we know; nothing has changed.
  Result<> on_control(TimePoint now, std::uint8_t tag, ByteView body, TunnelEffects& out);
  // See KeyExchange.
  void on_published(std::uint64_t version) { keys_.on_published(version); }
  void on_applied(TimePoint now, std::uint64_t version, TunnelEffects& out);
  // What packet workers report.
  void on_probe(TimePoint now, const ProbeReceived& received, TunnelEffects& out);
  void on_first_of_epoch(TimePoint now, std::uint32_t epoch, TunnelEffects& out);
  void on_counter_high(TimePoint now, std::uint32_t epoch, TunnelEffects& out);
  void on_path_mtu(TimePoint now, int mtu, TunnelEffects& out);
  void on_deadline(TimePoint now, TunnelEffects& out);
  std::optional<TimePoint> next_deadline() const;

  std::uint32_t index() const { return keys_.index(); }
  // Frames can use it now.
  bool up() const { return !dead_ && keys_.ready() && path_.up(); }
  // The largest Ethernet payload that fits, relayed or not.
  int mtu() const;
  // What the workers are to know; nothing until the other end has answered. `carries_frames` is
  // left to the caller.
  std::optional<TunnelSpec> spec() const;
  TunnelStatus status() const;

 private:
  // What a change of keys means for the path, and a refusal for everything.
  void settle(TimePoint now, TunnelEffects& out);

  gossip::LinkId link_;
  PeerName peer_;
  Ipv4Addr local_;
  bool dead_ = false;
  KeyExchange keys_;
  Path path_;
};

}  // namespace weft::swift
