// SPDX-License-Identifier: Apache-2.0
#include "gossip/topology_wire.h"

#include <algorithm>

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"

namespace weft::gossip {
namespace {

constexpr gob::Field kPeerFields[] = {{"NameByte", &gob::kBytes}, {"NickName", &gob::kString},
                                      {"UID", &gob::kUint},       {"Version", &gob::kUint},
                                      {"ShortID", &gob::kUint},   {"HasShortID", &gob::kBool}};
constexpr gob::Type kPeer = gob::struct_of("peerSummary", kPeerFields);

constexpr gob::Field kConnectionFields[] = {{"NameByte", &gob::kBytes},
                                            {"RemoteTCPAddr", &gob::kString},
                                            {"Outbound", &gob::kBool},
                                            {"Established", &gob::kBool}};
constexpr gob::Type kConnection = gob::struct_of("connectionSummary", kConnectionFields);
constexpr gob::Type kConnections = gob::slice_of("", kConnection);

constexpr gob::Limits kLimits{.element_count_max = kConnectionsMax};

// Room made before the elements are seen: a count alone must not cost us memory.
constexpr std::size_t kReserveMax = 1'024;

std::string text(gob::Decoder& d) {
  std::string_view v = d.string();
  if (v.size() > kTextMax) {
    d.fail({.code = Errc::too_large, .what = "topology: text is too long"});
    return {};
  }
  return std::string(v);
}

// Expects that begin() has entered the peerSummary.
PeerRecord read_peer(gob::Decoder& d) {
  PeerRecord peer;
  std::uint16_t short_id = 0;
  bool has_short_id = false;
  while (auto field = d.next_field()) {
    switch (*field) {
      case 0:
        peer.name = PeerName::from_bytes(d.bytes());
        break;
      case 1:
        peer.nickname = text(d);
        break;
      case 2:
        peer.uid = PeerUid{d.u64()};
        break;
      case 3:
        peer.version = d.u64();
        break;
      case 4:
        short_id = d.u16();
        break;
      default:
        has_short_id = d.boolean();
    }
  }
  if (has_short_id) peer.short_id = ShortId::make(short_id);
  return peer;
}

ConnectionRecord read_connection(gob::Decoder& d) {
  ConnectionRecord connection;
  for (d.enter(); auto field = d.next_field();) {
    switch (*field) {
      case 0:
        connection.peer = PeerName::from_bytes(d.bytes());
        break;
      case 1:
        connection.remote_address = text(d);
        break;
      case 2:
        connection.outbound = d.boolean();
        break;
      default:
        connection.established = d.boolean();
    }
  }
  return connection;
}

void write_peer(gob::Encoder& e, const PeerRecord& peer) {
  Bytes name;
  Writer(name).u48(peer.name.value());
  e.begin(kPeer).field(0).bytes(name).field(1).string(peer.nickname);
  e.field(2).uint(peer.uid.value).field(3).uint(peer.version);
  if (peer.short_id) e.field(4).uint(peer.short_id->value()).field(5).boolean(true);
  e.close();
}

void write_connections(gob::Encoder& e, const std::vector<ConnectionRecord>& connections) {
  Bytes name;
  e.begin(kConnections).open(connections.size());
  for (const ConnectionRecord& c : connections) {
    name.clear();
    Writer(name).u48(c.peer.value());
    e.open().field(0).bytes(name).field(1).string(c.remote_address.text());
    e.field(2).boolean(c.outbound).field(3).boolean(c.established).close();
  }
  e.close();
}

}  // namespace

Result<std::vector<PeerRecord>> parse_topology(ByteView in) {
  gob::Decoder d(in, kLimits);
  std::vector<PeerRecord> peers;
  while (d.begin(kPeer)) {
    if (peers.size() == kPeersMax) {
      return Error{.code = Errc::too_large, .what = "topology: too many peers"};
    }
    peers.push_back(read_peer(d));
    auto& connections = peers.back().connections;
    d.expect(kConnections);
    connections.reserve(std::min(d.enter(), kReserveMax));
    while (d.next_element())
      connections.push_back(read_connection(d));
  }
  if (auto ok = d.finish(); !ok) return ok.error();
  return peers;
}

Bytes write_topology(const std::vector<PeerRecord>& peers) {
  Bytes out;
  gob::Encoder e(out);
  for (const PeerRecord& peer : peers) {
    write_peer(e, peer);
    write_connections(e, peer.connections);
  }
  return out;
}

}  // namespace weft::gossip
