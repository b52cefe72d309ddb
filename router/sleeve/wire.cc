// SPDX-License-Identifier: Apache-2.0
#include "router/sleeve/wire.h"

#include <utility>

#include "router/packet/headers.h"

namespace weft::sleeve {

std::optional<Frame> FrameReader::next() {
  if (rest_.empty()) return std::nullopt;
  if (rest_.size() < kFrameHeaderSize) {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
  }
  const std::size_t size = load_u16(rest_.subspan(12));
  const ByteView header = rest_.first(kFrameHeaderSize);
  rest_ = rest_.subspan(kFrameHeaderSize);
  if (size > rest_.size()) {
    malformed_ = true;
    rest_ = {};
    return std::nullopt;
  }
  Frame frame{.source = PeerName::from_u48(packet::load_u48(header)),
              .destination = PeerName::from_u48(packet::load_u48(header.subspan(6))),
              .bytes = rest_.first(size)};
  rest_ = rest_.subspan(size);
  return frame;
}

std::optional<PeerName> parse_sender(ByteView datagram) {
  if (datagram.size() < kSenderSize) return std::nullopt;
  return PeerName::from_u48(packet::load_u48(datagram));
}

void write_frame_header(ByteSpan out, PeerName source, PeerName destination, std::size_t size) {
  packet::store_u48(out, source.value());
  packet::store_u48(out.subspan(6), destination.value());
  store_u16(out.subspan(12), static_cast<std::uint16_t>(size));
}

}  // namespace weft::sleeve
