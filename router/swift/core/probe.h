// SPDX-License-Identifier: Apache-2.0
// The small datagrams by which the control machines of a tunnel test the data path: a heartbeat,
// perhaps padded to a size, and its echo. They travel sealed like frames, in the stream and from
// the port that are to be tested. Layout: docs/wire/swift.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/ip.h"

namespace weft::swift {

enum class ProbeKind : std::uint8_t { heartbeat = 1, echo = 2 };

struct Probe {
  ProbeKind kind = ProbeKind::heartbeat;
  // True: sent from the UDP port that also receives, so that an answer to its source arrives.
  // False: from the source port of the stream's worker.
  bool main_port = true;
  std::uint32_t sequence = 0;  // of the tunnel's heartbeats; an echo repeats it
  // Of the outer IP packet, which is padded to it (and sent with DF); 0: as small as it is. An echo
  // is never padded and repeats the number.
  std::uint16_t size = 0;
  Endpoint observed;  // echo: where the heartbeat came from, as its receiver saw it

  friend bool operator==(const Probe&, const Probe&) = default;
};

// | kind 1 | flags 1: bit 0 main port | size 2 | sequence 4 | observed IP 4, port 2 |, big endian;
// zeros up to the asked size follow.
inline constexpr std::size_t kProbeSize = 14;

// Error: too short, or an unknown kind. What follows the probe is padding and not looked at.
Result<Probe> parse_probe(ByteView body);
void write_probe(const Probe& probe, std::span<Byte, kProbeSize> out);

}  // namespace weft::swift
