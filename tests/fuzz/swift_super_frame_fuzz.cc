// SPDX-License-Identifier: Apache-2.0
// Frames and virtio-net headers of the fuzzer's choosing go out through one forwarder and in
// through another, over a path that may be small. What comes out is checked against the segmenter
// that computes every checksum.
#include <algorithm>

#include "base/ensure.h"
#include "router/packet/offload.h"
#include "router/swift/core/forwarder.h"
#include "router/swift/core/segment.h"
#include "tests/fuzz/input.h"

namespace {

using namespace weft;

constexpr TimePoint kNow{std::chrono::hours{1}};
const PeerName kA = PeerName::from_u48(0x7a0000000001);
const PeerName kB = PeerName::from_u48(0x7a0000000002);

swift::Spec make_spec(PeerName us, PeerName peer, int path_mtu) {
  swift::Spec spec;
  spec.tunnels.push_back({.peer = peer,
                          .index = us == kA ? 1U : 2U,
                          .peer_index = us == kA ? 2U : 1U,
                          .remote = {.ip = {0x0a000002}, .port = 6783},
                          .path_mtu = path_mtu,
                          .encrypted = false,
                          .carries_frames = true});
  spec.unicast = {{peer, peer}};
  spec.broadcast_hops = {{us, {peer, PeerName::from_u48(9)}}, {peer, {}}};
  return spec;
}

// Both ways of cutting agree, once the checksums are complete.
void compare(const swift::VnetHeader& header, ByteView frame) {
  Bytes room(swift::kPrefixMax);
  append(room, frame);
  auto cutter = swift::SegmentCutter::make(header, room);
  if (!cutter || header.gso == swift::Gso::none) return;
  auto model = packet::Segmenter::make(frame, {.payload = header.segment_size});
  ensure(model.has_value(), "what one cuts the other cuts");
  swift::Segment segment;
  Bytes expected;
  while (cutter->next(segment)) {
    expected.resize(model->next_size());
    ensure(!expected.empty(), "as many segments");
    model->write_next(expected);
    ensure(packet::complete_checksum(segment.frame(), {.start = segment.checksum_start,
                                                       .offset = segment.checksum_offset})
               .has_value(),
           "a checksum within the frame");
    ensure(std::ranges::equal(segment.frame(), expected), "the same segment");
  }
  ensure(model->next_size() == 0, "no segment too few");
}

void deliver(const swift::Output& from, swift::Forwarder& to, swift::Output& out,
             std::vector<Bytes>& buffers) {
  for (const auto& train : from.trains) {
    for (ByteView rest = train.bytes; !rest.empty();) {
      const std::size_t size = std::min<std::size_t>(train.segment_size, rest.size());
      buffers.push_back(to_bytes(rest.first(size)));
      rest = rest.subspan(size);
      to.on_datagram(kNow, {}, buffers.back(), out);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::view(data, size));
  const int path_mtu = 500 + 40 * choices.byte();
  const std::size_t repeat = std::size_t{choices.byte()} * 64;
  const auto header = swift::VnetHeader::parse(choices.take(swift::VnetHeader::kSize));
  if (!header) return 0;
  Bytes frame = to_bytes(choices.rest());
  // Long super-frames from short inputs.
  frame.resize(std::min(frame.size() + repeat, swift::Forwarder::kFrameMax), Byte{0x5a});
  compare(*header, frame);

  swift::Forwarder a({.us = kA}), b({.us = kB});
  a.apply(make_spec(kA, kB, path_mtu));
  b.apply(make_spec(kB, kA, path_mtu));
  swift::Output out_a, out_b;
  std::vector<Bytes> buffers;
  Bytes room(swift::Forwarder::kHeadroom);
  append(room, frame);
  a.on_super_frame(kNow, *header, room, out_a);
  a.flush(kNow, out_a);
  deliver(out_a, b, out_b, buffers);
  b.flush(kNow, out_b);
  const auto& counters = b.counters();
  ensure(counters.dropped_malformed == 0 && counters.dropped_fragments == 0, "ours is well made");
  for (const auto& injection : out_b.injections) {
    std::size_t total = 0;
    for (std::size_t i = 0; i < injection.count; ++i)
      total += out_b.pieces.at(injection.first + i).size();
    ensure(total == injection.size, "injection size");
  }
  return 0;
}
