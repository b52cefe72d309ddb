// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/range_wire.h"

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "ipam-crdt/internal/gob_types.h"

namespace weft::ipam {
namespace {

Bytes write(UnicastKind kind, IpRange range) {
  Bytes out{static_cast<Byte>(kind)};
  gob::Encoder e(out);
  e.begin(wire::kRange).field(0).uint(range.start.value).field(1).uint(range.end.value).close();
  return out;
}

}  // namespace

Result<Unicast> parse_unicast(ByteView payload) {
  if (payload.empty()) return Error{.code = Errc::truncated, .what = "ipam: empty unicast"};
  auto kind = std::to_integer<std::uint8_t>(payload[0]);
  if (kind > static_cast<std::uint8_t>(UnicastKind::space_denied)) {
    return Error{.code = Errc::unsupported, .what = "ipam: unknown kind of unicast"};
  }
  return Unicast{.kind = static_cast<UnicastKind>(kind), .body = payload.subspan(1)};
}

Result<IpRange> parse_range(ByteView body) {
  gob::Decoder d(body);
  IpRange range;
  for (d.expect(wire::kRange); auto field = d.next_field();) {
    if (*field == 0) range.start = {d.u32()};
    if (*field == 1) range.end = {d.u32()};
  }
  if (auto ok = d.finish(); !ok) return ok.error();
  if (range.empty()) return Error{.code = Errc::bad_value, .what = "ipam: empty range"};
  return range;
}

Bytes write_space_request(IpRange range) {
  return write(UnicastKind::space_request, range);
}

Bytes write_space_denied(IpRange range) {
  return write(UnicastKind::space_denied, range);
}

Bytes write_ring_update(ByteView state) {
  Bytes out{static_cast<Byte>(UnicastKind::ring_update)};
  append(out, state);
  return out;
}

}  // namespace weft::ipam
