// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/gossip_state_wire.h"

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "ipam-crdt/internal/gob_types.h"
#include "ipam-crdt/paxos_wire.h"
#include "ipam-crdt/ring_wire.h"
#include "ipam-crdt/wire_limits.h"

namespace weft::ipam {
namespace {

Nicknames read_nicknames(gob::Decoder& d) {
  Nicknames out;
  if (d.enter() > kPeersMax) d.fail({.code = Errc::too_large, .what = "ipam: too many nicknames"});
  while (d.next_element()) {
    PeerName peer = read_peer(d);
    std::string_view nickname = d.string();
    if (nickname.size() <= kNicknameMax) out[peer] = nickname;
  }
  return out;
}

}  // namespace

Result<GossipState> parse_state(ByteView in) {
  gob::Decoder d(in);
  GossipState state;
  for (d.expect(wire::kState); auto field = d.next_field();) {
    switch (*field) {
      case 0:
        state.now = d.sint();
        break;
      case 1:
        state.nicknames = read_nicknames(d);
        break;
      case 2:
        state.paxos = read_paxos(d);
        break;
      case 3:
        d.enter();
        state.ring = read_ring(d);
        break;
    }
  }
  if (auto ok = d.finish(); !ok) return ok.error();
  return state;
}

Bytes write_state(const GossipStateView& state) {
  Bytes out;
  gob::Encoder e(out);
  e.begin(wire::kState).field(0).sint(state.now);
  e.field(1).open(state.nicknames.size());
  for (const auto& [peer, nickname] : state.nicknames)
    e.uint(peer.value()).string(nickname);
  e.close();
  if (state.paxos != nullptr) {
    e.field(2);
    put_paxos(e, *state.paxos);
  }
  if (state.ring != nullptr) {
    e.field(3).open();
    put_ring(e, *state.ring);
    e.close();
  }
  e.close();
  return out;
}

}  // namespace weft::ipam
