// SPDX-License-Identifier: Apache-2.0
// What an IPAM peer may send, into the decoders and into a living allocator. The first byte says
// how it comes and what the allocator is like. Whatever it is, nothing in use is given away, the
// ring keeps its rules, and what we say afterwards can be read.
#include "base/ensure.h"
#include "ipam-crdt/allocator.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/interval_set.h"
#include "ipam-crdt/range_wire.h"
#include "ipam-crdt/ring_wire.h"
#include "ipam-crdt/weave_db.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::ipam;

namespace {

class OpenMesh final : public MeshView {
 public:
  bool known(PeerName) const override { return true; }
  bool reachable(PeerName) const override { return true; }
  std::size_t active_target_count() const override { return 2; }
};

PeerName peer(unsigned n) {
  return PeerName::from_u48((std::uint64_t{0x7a} << 40) + n);
}

GossipState state_of(const Allocator& allocator, TimePoint now) {
  Bytes bytes = allocator.state(now);
  auto state = parse_state(bytes);
  ensure(state.has_value(), "fuzz: our own state cannot be read");
  ensure(!state->ring || check_ring(*state->ring).has_value(), "fuzz: we send a broken ring");
  return std::move(*state);
}

void check_effects(const Effects& effects) {
  for (const Effect& effect : effects) {
    const auto* unicast = std::get_if<effect::Unicast>(&effect);
    if (unicast == nullptr) continue;
    ensure(parse_unicast(unicast->payload).has_value(), "fuzz: we send what hangs a Go peer");
  }
}

// What decodes is written again and then decodes to the same bytes.
void check_round_trip(ByteView in) {
  if (auto state = parse_state(in)) {
    auto write = [](const GossipState& s) {
      return write_state({.now = s.now,
                          .nicknames = s.nicknames,
                          .paxos = s.paxos ? &*s.paxos : nullptr,
                          .ring = s.ring ? &*s.ring : nullptr});
    };
    Bytes once = write(*state);
    auto again = parse_state(once);
    ensure(again.has_value() && write(*again) == once, "fuzz: a state changes on the way");
  }
  if (auto ring = parse_ring(in)) {
    Bytes once = write_ring(*ring);
    auto again = parse_ring(once);
    ensure(again.has_value() && *again == *ring, "fuzz: a ring changes on the way");
  }
  (void)parse_range(in);
  (void)parse_weave_peername(in);
  (void)parse_weave_owned(in);
  (void)parse_weave_direct_peers(in);
}

void deliver(Allocator& allocator, TimePoint now, unsigned how, ByteView in, Effects& out) {
  Result<> result;
  switch (how) {
    case 0:
      result = allocator.on_gossip(now, in, out);
      break;
    case 1:
      result = allocator.on_broadcast(now, peer(2), in, out);
      break;
    default:
      result = allocator.on_unicast(now, peer(2), in, out);
      break;
  }
  ensure(result || !allocator.last_refusal().empty(), "fuzz: refused without a reason");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::view(data, size));
  unsigned how = choices.byte();
  check_round_trip(choices.rest());

  SeededRng rng(1);
  OpenMesh mesh;
  Cidr universe = *Cidr::parse("10.32.0.0/12");
  InitMode init = InitSeed{.peers = {peer(1), peer(2)}};
  if (how & 0x10) init = InitConsensus{.peer_count = 3};
  Allocator allocator({.name = peer(1),
                       .uid = {7},
                       .nickname = "host1",
                       .universe = universe,
                       .default_subnet = universe,
                       .init = init,
                       .wall = {}},
                      rng, mesh);
  TimePoint now{std::chrono::seconds(100)};
  Effects effects;
  StoredAllocator stored;
  if (how & 0x20) stored.ring = to_bytes(choices.rest());
  allocator.start(now, stored, effects);
  allocator.allocate(now, {1}, "c1", universe, false, effects);
  allocator.claim(now, {2}, "c2", *Cidr::parse("10.32.255.255/12"), {}, effects);
  allocator.claim(now, {3}, "c3", *Cidr::parse("10.44.0.1/12"), {}, effects);

  for (int i = 0; i < 2; ++i) {
    std::uint64_t active = allocator.status().active;
    deliver(allocator, now, how & 3, choices.rest(), effects);
    (void)state_of(allocator, now);
    ensure(allocator.status().active >= active, "fuzz: an address in use was given away");
  }
  now += std::chrono::seconds(5);
  allocator.on_deadline(now, effects);
  (void)allocator.release(now, "c1", effects);
  allocator.take_over(now, "7a:0:0:0:0:2", effects);
  allocator.shut_down(now, effects);
  (void)state_of(allocator, now);
  check_effects(effects);
  return 0;
}
