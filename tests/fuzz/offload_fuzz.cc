// SPDX-License-Identifier: Apache-2.0
// Any bytes as a captured frame: checksums, segments, fragments and answers stay within it, and
// what is cut joins to what it was. The first bytes are MTU and segment size.
#include "base/ensure.h"
#include "router/packet/flow_key.h"
#include "router/packet/fragment.h"
#include "router/packet/icmp.h"
#include "router/packet/offload.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::packet;

namespace {

void check_segments(ByteView frame, SegmentOptions options) {
  auto segments = Segmenter::make(frame, options);
  if (!segments) return;
  const auto layers = parse_layers(frame);
  const std::size_t headers =
      layers->transport_at + tcp_header_size(frame, *layers).value_or(kUdpHeaderSize);
  const std::size_t count = segments->count();
  Bytes joined;
  std::size_t written = 0;
  while (const std::size_t size = segments->next_size()) {
    Bytes segment(size);
    segments->write_next(segment);
    const auto own = parse_layers(segment);
    ensure(own && own->network == layers->network && own->end == size, "a segment does not parse");
    ensure(options.payload != 0 || size - own->network_at <= options.mtu, "a segment too large");
    // Its checksum is whole: computing it again changes nothing.
    Bytes again = segment;
    recompute_checksum(again, *own);
    ensure(again == segment, "a segment with a wrong checksum");
    append(joined, ByteView(segment).subspan(headers));
    ++written;
  }
  ensure(written == count, "the number of segments was wrong");
  ensure(joined == to_bytes(frame.subspan(headers, layers->end - headers)), "payload changed");
}

void check_fragments(ByteView frame, std::size_t mtu) {
  auto pieces = Ipv4Fragmenter::make(frame, mtu);
  if (!pieces) return;
  const auto layers = parse_layers(frame);
  Bytes joined;
  while (const std::size_t size = pieces->next_size()) {
    Bytes piece(size);
    pieces->write_next(piece);
    const auto own = parse_layers(piece);
    ensure(own && own->network == Network::ipv4, "a fragment does not parse");
    ensure(own->end - own->network_at <= mtu, "a fragment too large");
    ensure(own->fragment_offset == layers->fragment_offset + joined.size(), "a wrong offset");
    append(joined, ByteView(piece).subspan(own->transport_at, own->end - own->transport_at));
  }
  ensure(
      joined == to_bytes(frame.subspan(layers->transport_at, layers->end - layers->transport_at)),
      "payload changed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choose(fuzz::view(data, size));
  const std::size_t mtu = std::size_t{choose.byte()} * 8;
  const std::size_t payload = std::size_t{choose.byte()} * 8;
  const PartialChecksum where{choose.byte(), choose.byte()};
  const Bytes frame = to_bytes(choose.rest());
  check_segments(frame, {.mtu = mtu, .payload = 0});
  check_segments(frame, {.mtu = mtu, .payload = payload});
  check_fragments(frame, mtu);
  IcmpFrame answer;
  if (answer_too_big(frame, mtu, answer)) {
    ensure(parse_layers(answer.view())->network != Network::other, "an answer does not parse");
  }
  if (const auto layers = parse_layers(frame)) (void)flow_of(frame, *layers);
  Bytes changed = frame;
  (void)complete_checksum(changed, where).has_value();
  changed = frame;
  if (complete_partial_checksum(changed)) {
    const auto layers = parse_layers(changed);
    Bytes again = changed;
    ensure(recompute_checksum(again, *layers) && again == changed, "a checksum is wrong");
  }
  return 0;
}
