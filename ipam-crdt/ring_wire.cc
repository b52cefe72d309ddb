// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/ring_wire.h"

#include "ipam-crdt/internal/gob_types.h"
#include "ipam-crdt/wire_limits.h"

namespace weft::ipam {
namespace {

RingEntry read_entry(gob::Decoder& d) {
  RingEntry entry;
  for (d.enter(); auto field = d.next_field();) {
    switch (*field) {
      case 0:
        entry.token = {d.u32()};
        break;
      case 1:
        entry.peer = read_peer(d);
        break;
      case 2:
        entry.version = d.u32();
        break;
      case 3:
        entry.free = d.u32();
        break;
    }
  }
  return entry;
}

void put_entry(gob::Encoder& e, const RingEntry& entry) {
  e.open().field(0).uint(entry.token.value).field(1).uint(entry.peer.value());
  e.field(2).uint(entry.version).field(3).uint(entry.free).close();
}

}  // namespace

PeerName read_peer(gob::Decoder& d) {
  auto name = PeerName::make(d.u64());
  if (!name) d.fail({.code = Errc::bad_value, .what = "ipam: peer name beyond 48 bits"});
  return name.value_or(PeerName());
}

std::vector<PeerName> read_peers(gob::Decoder& d) {
  std::vector<PeerName> peers;
  if (d.enter() > kPeersMax) d.fail({.code = Errc::too_large, .what = "ipam: too many peers"});
  while (d.next_element())
    peers.push_back(read_peer(d));
  return peers;
}

RingData read_ring(gob::Decoder& d) {
  RingData ring;
  while (auto field = d.next_field()) {
    switch (*field) {
      case 0:
        ring.universe.start = {d.u32()};
        break;
      case 1:
        ring.universe.end = {d.u32()};
        break;
      case 2:
        ring.holder = read_peer(d);
        break;
      case 3:
        if (d.enter() > kRingEntriesMax) {
          d.fail({.code = Errc::too_large, .what = "ipam: too many ring entries"});
        }
        while (d.next_element())
          ring.entries.push_back(read_entry(d));
        break;
      case 4:
        ring.seeds = read_peers(d);
        break;
    }
  }
  return ring;
}

void put_ring(gob::Encoder& e, const RingData& ring) {
  e.field(0).uint(ring.universe.start.value).field(1).uint(ring.universe.end.value);
  e.field(2).uint(ring.holder.value());
  if (!ring.entries.empty()) {
    e.field(3).open(ring.entries.size());
    for (const RingEntry& entry : ring.entries)
      put_entry(e, entry);
    e.close();
  }
  if (!ring.seeds.empty()) {
    e.field(4).open(ring.seeds.size());
    for (PeerName seed : ring.seeds)
      e.uint(seed.value());
    e.close();
  }
}

Result<RingData> parse_ring(ByteView in) {
  gob::Decoder d(in);
  d.expect(wire::kRing);
  RingData ring = read_ring(d);
  if (auto ok = d.finish(); !ok) return ok.error();
  return ring;
}

Bytes write_ring(const RingData& ring) {
  Bytes out;
  gob::Encoder e(out);
  e.begin(wire::kRing);
  put_ring(e, ring);
  e.close();
  return out;
}

}  // namespace weft::ipam
