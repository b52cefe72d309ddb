// SPDX-License-Identifier: Apache-2.0
// What the packet workers are to do: tunnels with their keys, and routes. The control thread makes
// an immutable Spec whenever something changes; each worker's Forwarder brings itself in line with
// it. Level-triggered: a Spec says how things shall be, never what happened.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/ip.h"
#include "base/peer_name.h"
#include "crypto/packet_aead.h"
#include "crypto/secret.h"
#include "gossip/link_id.h"

namespace weft::swift {

// The keys of one epoch of one tunnel, both directions. Wiped with the last reference.
struct EpochKeys {
  // Never used a second time for the same TunnelSpec::index.
  std::uint32_t epoch = 0;
  crypto::AeadChoice aead;  // the cipher both agreed on, by our provider
  crypto::Secret<32> send_key;
  crypto::Secret<32> receive_key;
  // The first bytes of every nonce of that direction, before the stream is mixed in.
  std::array<Byte, 4> send_salt{};
  std::array<Byte, 4> receive_salt{};
};

struct TunnelSpec {
  gossip::LinkId link;
  PeerName peer;
  std::uint32_t index = 0;       // chosen by us, random: what the peer writes in datagrams to us
  std::uint32_t peer_index = 0;  // chosen by the peer: what we write
  Endpoint remote;               // port 0: not known yet, nothing can be sent
  Ipv4Addr local;
  int path_mtu = 1500;  // the largest outer IP packet, in bytes
  // A tunnel that is encrypted never sends nor takes a plain datagram, keys or no keys.
  bool encrypted = true;
  // Accepted for receiving, newest last. Empty for a plain tunnel.
  std::vector<std::shared_ptr<const EpochKeys>> epochs;
  // One of `epochs`; none: nothing can be sent yet. Meaningless for a plain tunnel.
  std::optional<std::uint32_t> send_epoch;
  // The overlay switch chose swift. Otherwise only probes flow.
  bool carries_frames = false;
  // All streams leave from the port that we receive on, because the path shows a NAT.
  bool one_source_port = false;
};

struct Spec {
  // Grows with every Spec, so that whoever carries it out can say how far that has come.
  std::uint64_t version = 0;
  std::vector<TunnelSpec> tunnels;
  // What overlay::ForwardTable::assign takes: strict routes.
  std::map<PeerName, PeerName> unicast;                      // destination → neighbour
  std::map<PeerName, std::vector<PeerName>> broadcast_hops;  // origin → neighbours
};

}  // namespace weft::swift
