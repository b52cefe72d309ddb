// SPDX-License-Identifier: Apache-2.0
// Segments of the fuzzer's choosing are joined; cut again as the kernel would, they must be what
// they were, in the same order within each flow. Most are made from one good
// segment by small changes, since random bytes are never joined.
#include <algorithm>
#include <map>

#include "base/ensure.h"
#include "router/swift/core/coalesce.h"
#include "router/swift/core/segment.h"
#include "tests/fuzz/input.h"
#include "tests/unit/packet/samples.h"

namespace {

using namespace weft;

using Frames = std::vector<Bytes>;

struct Kind {
  bool v6 = false;
  std::size_t checksum_start = 0;
  std::size_t checksum_at = 0;
  std::size_t network_at() const { return checksum_start - (v6 ? 40 : 20); }
};

void clear(Bytes& frame, std::size_t at, std::size_t size) {
  std::fill_n(frame.begin() + static_cast<std::ptrdiff_t>(at), size, Byte{0});
}

// All up to the ports, less what may differ within a flow. Two frames with one key are of one flow,
// or one of them is never joined; either way their order is to be kept.
Bytes key_of(const Bytes& frame, const Kind& kind) {
  Bytes key(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(kind.checksum_start) + 4);
  const std::size_t ip = kind.network_at();
  if (kind.v6) {
    clear(key, ip, 6);
    clear(key, ip + 7, 1);
  } else {
    clear(key, ip + 1, 8);
    clear(key, ip + 10, 2);
  }
  return key;
}

// Without what joining may change: a partial checksum that held something else than the
// pseudo-header's sum, and the ID of a packet with DF, which means nothing.
Bytes comparable(Bytes frame, const Kind& kind) {
  clear(frame, kind.checksum_at, 2);
  const std::size_t ip = kind.network_at();
  if (!kind.v6 && (frame[ip + 6] & Byte{0x40}) != Byte{0}) {
    clear(frame, ip + 4, 2);
    clear(frame, ip + 10, 2);
  }
  return frame;
}

Bytes make_room(fuzz::Choices& choices, const Bytes& base, std::size_t step) {
  Bytes frame = base;
  // Sequence number and ID go on by a step, as in a stream; then some bytes change.
  const auto layers = packet::parse_layers(frame);
  ByteSpan bytes(frame);
  if (layers->protocol == packet::ip_protocol::kTcp) {
    const ByteSpan sequence = bytes.subspan(layers->transport_at + 4);
    const std::size_t payload = frame.size() - layers->transport_at - 20;
    store_u32(sequence, static_cast<std::uint32_t>(load_u32(sequence) + step * payload));
  }
  if (layers->network == packet::Network::ipv4) {
    const ByteSpan ip = bytes.subspan(layers->network_at, 20);
    store_u16(ip.subspan(4), static_cast<std::uint16_t>(load_u16(ip.subspan(4)) + step));
    store_u16(ip.subspan(10), 0);
    store_u16(ip.subspan(10), static_cast<std::uint16_t>(~test::slow_sum(ip)));
  }
  for (std::size_t n = choices.byte() % 4; n > 0 && !choices.empty(); --n) {
    const std::size_t at = choices.byte() % std::min<std::size_t>(frame.size(), 80);
    frame[at] = static_cast<Byte>(choices.byte());
  }
  Bytes room(swift::kPrefixMax);
  append(room, frame);
  return room;
}

void recut(const swift::Output& out, const Kind& kind, std::map<Bytes, Frames>& seen) {
  for (const auto& injection : out.injections) {
    Bytes room(swift::kPrefixMax);
    for (std::size_t i = 0; i < injection.count; ++i)
      append(room, out.pieces.at(injection.first + i));
    auto cutter = swift::SegmentCutter::make(injection.header, room);
    ensure(cutter.has_value(), "what was joined can be cut");
    swift::Segment segment;
    while (cutter->next(segment)) {
      const Bytes frame = to_bytes(segment.frame());
      seen[key_of(frame, kind)].push_back(comparable(frame, kind));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::view(data, size));
  const std::uint8_t first = choices.byte();
  const test::Shape shape{.v6 = (first & 1) != 0,
                          .tcp = (first & 2) != 0,
                          .payload = 8U + choices.byte(),
                          .vlan_tags = first / 4U % 3};
  const Bytes base = test::partial_frame(shape);
  const auto start = static_cast<std::uint8_t>(packet::parse_layers(base)->transport_at);
  const auto offset = static_cast<std::uint8_t>(shape.tcp ? 16 : 6);
  const Kind kind{
      .v6 = shape.v6, .checksum_start = start, .checksum_at = std::size_t{start} + offset};
  std::vector<Bytes> rooms;
  std::vector<swift::Segment> segments;
  std::map<Bytes, Frames> sent, seen;
  for (std::size_t i = 0; !choices.empty() && i < 400; ++i) {
    const std::uint8_t what = choices.byte();
    rooms.push_back(make_room(choices, base, i + (what % 16 == 0 ? 1U : 0U)));
    const bool partial = what % 32 != 1;
    segments.push_back({.partial_checksum = partial,
                        .checksum_start = partial ? start : std::uint8_t{0},
                        .checksum_offset = partial ? offset : std::uint8_t{0}});
  }
  swift::Coalescer coalescer({.joins_udp = (first & 0x80) == 0});
  swift::Output out;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i].room = rooms[i];
    const Bytes frame = to_bytes(segments[i].frame());
    sent[key_of(frame, kind)].push_back(comparable(frame, kind));
    coalescer.add(segments[i], out);
  }
  coalescer.flush(out);
  recut(out, kind, seen);
  ensure(seen == sent, "the same frames in the same order, flow by flow");
  return 0;
}
