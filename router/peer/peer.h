// SPDX-License-Identifier: Apache-2.0
// A whole Weft peer without its sockets: mesh node and allocator joined, with everything that must
// be stored as effects. weaver and the simulator run this same class; drivers only move bytes.
//
// Every call appends to PeerEffects. The driver first makes `store` durable, then carries out
// `mesh` and answers `replies`, each in order. Nothing that was answered can be lost that way.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gossip/node.h"
#include "ipam-crdt/allocator.h"

namespace weft::peer {

struct StoreTargets {
  std::vector<std::string> targets;
};
using StoreOp = std::variant<ipam::effect::StoreRing, ipam::effect::StoreOwned, StoreTargets>;

struct PeerEffects {
  std::vector<StoreOp> store;
  std::vector<gossip::Effect> mesh;  // never ChannelMessage of an owned channel, nor TargetsChanged
  std::vector<ipam::effect::Reply> replies;

  bool empty() const { return store.empty() && mesh.empty() && replies.empty(); }
  void clear() {
    store.clear();
    mesh.clear();
    replies.clear();
  }
};

struct PeerConfig {
  gossip::NodeConfig node;
  // None: IPAM is off, and its channel is relayed like a stranger's.
  std::optional<ipam::AllocatorConfig> allocator;
};

class Peer {
 public:
  Peer(PeerConfig config, Rng& rng);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer();

  void start(TimePoint now, const ipam::StoredAllocator& stored,
             const std::vector<std::string>& targets, PeerEffects& out);

  // Links: as gossip::Node.
  std::optional<gossip::LinkId> on_accept(TimePoint now, Endpoint local, Endpoint remote,
                                          PeerEffects& out);
  void on_dialled(TimePoint now, gossip::LinkId link, Endpoint local, PeerEffects& out);
  void on_dial_failed(TimePoint now, gossip::LinkId link, std::string_view reason,
                      PeerEffects& out);
  void on_bytes(TimePoint now, gossip::LinkId link, ByteView bytes, PeerEffects& out);
  void on_drained(TimePoint now, gossip::LinkId link, PeerEffects& out);
  void on_closed(TimePoint now, gossip::LinkId link, std::string_view reason, PeerEffects& out);
  void on_resolved(TimePoint now, std::string_view host, std::vector<Ipv4Addr> addresses,
                   std::string_view error, PeerEffects& out);
  void on_deadline(TimePoint now, PeerEffects& out);
  std::optional<TimePoint> next_deadline() const;

  // The data plane's word.
  void on_overlay_established(TimePoint now, gossip::LinkId link, PeerEffects& out);
  void on_overlay_failed(TimePoint now, gossip::LinkId link, std::string_view reason,
                         PeerEffects& out);
  void send_overlay_control(TimePoint now, gossip::LinkId link, ByteView payload, PeerEffects& out);

  // Operator and IPAM clients. The IPAM calls must not be made when IPAM is off.
  Result<> connect(TimePoint now, const std::vector<std::string>& targets, bool replace,
                   PeerEffects& out);
  void forget(TimePoint now, const std::vector<std::string>& targets, PeerEffects& out);
  void allocate(TimePoint now, ipam::RequestId id, std::string_view ident, Cidr subnet,
                bool is_container, PeerEffects& out);
  void claim(TimePoint now, ipam::RequestId id, std::string_view ident, Cidr address,
             ipam::Allocator::ClaimOptions options, PeerEffects& out);
  void wait_for_ring(TimePoint now, ipam::RequestId id, PeerEffects& out);
  void cancel(TimePoint now, ipam::RequestId id, PeerEffects& out);
  Result<> release(TimePoint now, std::string_view ident, PeerEffects& out);
  Result<> release(TimePoint now, std::string_view ident, Ipv4Addr address, PeerEffects& out);
  void shut_down_ipam(TimePoint now, PeerEffects& out);
  std::uint64_t take_over(TimePoint now, std::string_view peer, PeerEffects& out);

  const gossip::Node& node() const;
  const ipam::Allocator* allocator() const;  // null: IPAM is off

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weft::peer
