// SPDX-License-Identifier: Apache-2.0
// Cuts an IPv4 packet in an Ethernet frame into fragments that fit an MTU: for paths on which the
// outer packet cannot be fragmented. Options are copied to every piece, as Weave does.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "router/packet/headers.h"

namespace weft::packet {

class Ipv4Fragmenter {
 public:
  // Error: not untagged IPv4, DF set, pieces below 8 bytes, or an offset beyond what the field
  // holds. `frame` must outlive the fragmenter. Padding of the frame is left out; short pieces are
  // padded anew.
  static Result<Ipv4Fragmenter> make(ByteView frame, std::size_t mtu);

  // Size of the next frame; 0 when all are written.
  std::size_t next_size() const;
  // Writes next_size() bytes to the front of `out`.
  void write_next(ByteSpan out);

 private:
  Ipv4Fragmenter(ByteView frame, const Layers& layers, std::size_t piece)
      : frame_(frame), layers_(layers), piece_(piece), at_(layers.transport_at) {}

  // Bytes of payload in the next piece.
  std::size_t next_payload() const;

  ByteView frame_;
  Layers layers_;
  std::size_t piece_;  // payload bytes per fragment, a multiple of 8
  std::size_t at_;
};

}  // namespace weft::packet
