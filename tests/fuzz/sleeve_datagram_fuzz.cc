// SPDX-License-Identifier: Apache-2.0
// A neighbour, and anybody on the way, may send any datagram. The first byte chooses a plain or a
// sealed link, and whether what follows is sealed by the neighbour itself (so that hostile frames
// get inside) or arrives as it is.
#include "base/ensure.h"
#include "crypto/frame_box.h"
#include "router/dataplane/dataplane.h"
#include "tests/fuzz/input.h"

using namespace weft;

namespace {

constexpr PeerName kUs = PeerName::from_u48(0x7a0000000001);
constexpr PeerName kThem = PeerName::from_u48(0x7a0000000002);
constexpr PeerName kThird = PeerName::from_u48(0x7a0000000003);
const Endpoint kFrom{Ipv4Addr{0x0a630002}, 6783};

gossip::LinkReady link_to(PeerName peer, std::uint64_t id, bool sealed) {
  gossip::LinkReady ready{.link = {id},
                          .peer = peer,
                          .conn_uid = id,
                          .outbound = true,
                          .local = {Ipv4Addr{0x0a630001}, 6783},
                          .remote = kFrom,
                          .overlays = {"fastdp", "sleeve"}};
  if (sealed) ready.overlay_key.emplace(crypto::Secret<32>());
  return ready;
}

Bytes datagram_of(ByteView payload, bool by_neighbour, std::uint64_t sequence) {
  Bytes out;
  Writer w(out);
  if (!by_neighbour) return to_bytes(payload);
  w.u48(kThem.value()).u64(sequence).zeros(16).bytes(payload);
  crypto::FrameBox(crypto::SessionKey(crypto::Secret<32>()), false)
      .seal(sequence, ByteSpan(out).subspan(14));
  return out;
}

void check(const dataplane::Output& out) {
  for (const auto& d : out.datagrams) {
    ensure(d.size <= 65507 && d.offset + d.size <= out.arena_used, "a datagram outside the arena");
    ensure(out.bytes(d).size() == d.size, "a datagram outside the memory");
  }
  for (const auto& f : out.frames) {
    ensure(f.size >= 14 && f.offset + f.size <= out.arena_used, "a frame outside the arena");
  }
  for (const auto& c : out.control) {
    ensure(c.payload.size() >= 2 && c.payload[0] == Byte{0}, "a control message that harms");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choose(fuzz::view(data, size));
  const std::uint8_t flags = choose.byte();
  const bool sealed = (flags & 1U) != 0;
  const bool by_neighbour = sealed && (flags & 2U) != 0;
  dataplane::Dataplane plane({.name = kUs});
  dataplane::Output out;
  TimePoint now{std::chrono::hours(1)};
  plane.on_routes({.unicast = {{kThem, kThem}, {kThird, kThird}},
                   .broadcast_hops = {{kUs, {kThem, kThird}}, {kThem, {kThird}}}});
  plane.on_link_ready(now, link_to(kThem, 1, sealed), out);
  plane.on_link_ready(now, link_to(kThird, 2, sealed), out);
  std::uint64_t sequence = 0;
  while (!choose.empty()) {
    const std::size_t length = std::size_t{choose.byte()} * 4 + choose.byte() % 4;
    const std::uint64_t df = std::uint64_t{choose.byte() & 1U} << 63;
    Bytes datagram = datagram_of(choose.take(length), by_neighbour, sequence++ | df);
    plane.on_datagram(now, kFrom, datagram, out);
    plane.flush(now, out);
    check(out);
    out.clear();
    now += std::chrono::milliseconds(10);
  }
  return 0;
}
