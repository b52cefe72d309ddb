// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/wire.h"

#include <algorithm>

#include "base/ensure.h"

namespace weft::swift {
namespace {

constexpr std::uint8_t kTypeMask = 0x0f;
constexpr std::uint8_t kPartialChecksum = 0x10;
constexpr std::uint8_t kRelayed = 0x20;
constexpr std::uint8_t kTypeMax = static_cast<std::uint8_t>(InnerType::fragment);

std::uint8_t u8(ByteView in, std::size_t at) {
  return std::to_integer<std::uint8_t>(in[at]);
}

}  // namespace

std::optional<Outer> Outer::parse(ByteView datagram) {
  if (datagram.size() < kOuterSize) return std::nullopt;
  const std::uint8_t kind = u8(datagram, 0);
  if (kind != static_cast<std::uint8_t>(Kind::sealed) &&
      kind != static_cast<std::uint8_t>(Kind::plain)) {
    return std::nullopt;
  }
  return Outer{.kind = static_cast<Kind>(kind),
               .stream = u8(datagram, 1),
               .epoch = load_u16(datagram.subspan(2)),
               .index = load_u32(datagram.subspan(4)),
               .counter = load_u64(datagram.subspan(8))};
}

void Outer::write(ByteSpan out) const {
  ensure(out.size() >= kOuterSize, "swift: no room for the outer header");
  out[0] = static_cast<Byte>(kind);
  out[1] = static_cast<Byte>(stream);
  store_u16(out.subspan(2), epoch);
  store_u32(out.subspan(4), index);
  store_u64(out.subspan(8), counter);
}

std::optional<Inner> Inner::parse(ByteView text) {
  if (text.size() < kInnerSize) return std::nullopt;
  const std::uint8_t first = u8(text, 0);
  const std::uint8_t type = first & kTypeMask;
  if (type > kTypeMax || (first & ~(kTypeMask | kPartialChecksum | kRelayed)) != 0) {
    return std::nullopt;
  }
  Inner inner{.type = static_cast<InnerType>(type),
              .partial_checksum = (first & kPartialChecksum) != 0,
              .relayed = (first & kRelayed) != 0,
              .a = u8(text, 1),
              .b = u8(text, 2)};
  if (u8(text, 3) != 0) return std::nullopt;
  if (inner.partial_checksum && inner.type != InnerType::frame) return std::nullopt;
  if (inner.relayed && inner.type == InnerType::probe) return std::nullopt;
  const bool bare = inner.type == InnerType::frame && !inner.partial_checksum;
  if (bare && (inner.a != 0 || inner.b != 0)) return std::nullopt;
  return inner;
}

void Inner::write(ByteSpan out) const {
  ensure(out.size() >= kInnerSize, "swift: no room for the inner header");
  auto first = static_cast<std::uint8_t>(type);
  if (partial_checksum) first |= kPartialChecksum;
  if (relayed) first |= kRelayed;
  out[0] = Byte{first};
  out[1] = Byte{a};
  out[2] = Byte{b};
  out[3] = Byte{0};
}

std::optional<Probe> Probe::parse(ByteView text) {
  const auto inner = Inner::parse(text);
  if (!inner || inner->type != InnerType::probe || inner->b > 1) return std::nullopt;
  if (inner->a < static_cast<std::uint8_t>(ProbeKind::heartbeat) ||
      inner->a > static_cast<std::uint8_t>(ProbeKind::mtu_echo)) {
    return std::nullopt;
  }
  Reader r(text.subspan(kInnerSize));
  Probe probe{.kind = static_cast<ProbeKind>(inner->a),
              .main_port = inner->b == 1,
              .number = r.u64(),
              .packet_size = r.u16()};
  probe.seen.ip.value = r.u32();
  probe.seen.port = r.u16();
  if (r.failed()) return std::nullopt;
  return probe;
}

void Probe::write(ByteSpan out) const {
  ensure(out.size() >= kInnerSize + kSize, "swift: no room for a probe");
  Inner{.type = InnerType::probe,
        .a = static_cast<std::uint8_t>(kind),
        .b = main_port ? std::uint8_t{1} : std::uint8_t{0}}
      .write(out);
  ByteSpan body = out.subspan(kInnerSize);
  store_u64(body, number);
  store_u16(body.subspan(8), packet_size);
  store_u32(body.subspan(10), seen.ip.value);
  store_u16(body.subspan(14), seen.port);
  std::ranges::fill(body.subspan(kSize), Byte{0});
}

}  // namespace weft::swift
