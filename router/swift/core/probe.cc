// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/probe.h"

namespace weft::swift {
namespace {

constexpr std::uint8_t kMainPort = 1;

}  // namespace

Result<Probe> parse_probe(ByteView body) {
  Reader r(body);
  const std::uint8_t kind = r.u8();
  Probe probe;
  probe.main_port = (r.u8() & kMainPort) != 0;
  probe.size = r.u16();
  probe.sequence = r.u32();
  probe.observed.ip.value = r.u32();
  probe.observed.port = r.u16();
  if (r.failed()) return Error{Errc::truncated, 0, "swift: probe cut short"};
  switch (kind) {
    case static_cast<std::uint8_t>(ProbeKind::heartbeat):
      probe.kind = ProbeKind::heartbeat;
      return probe;
    case static_cast<std::uint8_t>(ProbeKind::echo):
      probe.kind = ProbeKind::echo;
      return probe;
    default:
      return Error{Errc::unsupported, 0, "swift: probe of an unknown kind"};
  }
}

void write_probe(const Probe& probe, std::span<Byte, kProbeSize> out) {
  const ByteSpan at(out);
  at[0] = static_cast<Byte>(probe.kind);
  at[1] = static_cast<Byte>(probe.main_port ? kMainPort : 0);
  store_u16(at.subspan(2), probe.size);
  store_u32(at.subspan(4), probe.sequence);
  store_u32(at.subspan(8), probe.observed.ip.value);
  store_u16(at.subspan(12), probe.observed.port);
}

}  // namespace weft::swift
