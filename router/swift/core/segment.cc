// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/segment.h"

#include <algorithm>
#include <cstring>

#include "base/ensure.h"
#include "router/packet/offload.h"
#include "router/swift/core/internal/fields.h"

namespace weft::swift {
namespace {

constexpr std::size_t kTcpChecksumAt = 16;
constexpr std::size_t kUdpChecksumAt = 6;
constexpr std::size_t kFieldMax = 255;  // what one byte of our inner header holds

bool describes(const VnetHeader& header, const packet::Layers& layers) {
  if (layers.fragment) return false;
  switch (header.gso) {
    case Gso::none:
      return true;
    case Gso::tcp_v4:
      return layers.network == packet::Network::ipv4 &&
             layers.protocol == packet::ip_protocol::kTcp;
    case Gso::tcp_v6:
      return layers.network == packet::Network::ipv6 &&
             layers.protocol == packet::ip_protocol::kTcp;
    case Gso::udp:
      return layers.network != packet::Network::other &&
             layers.protocol == packet::ip_protocol::kUdp;
  }
  return false;
}

}  // namespace

void Segment::complete_checksum(ByteSpan frame) const {
  if (!partial_checksum) return;
  // Both lie within the frame, as whoever made the segment has checked.
  (void)packet::complete_checksum(frame, {.start = checksum_start, .offset = checksum_offset});
}

Result<SegmentCutter> SegmentCutter::make(const VnetHeader& header, ByteSpan room) {
  if (room.size() < kPrefixMax + packet::kEthernetHeaderSize) {
    return Error{Errc::truncated, 0, "swift: not a frame"};
  }
  SegmentCutter cutter(room);
  const auto described =
      header.gso == Gso::none ? cutter.describe_whole(header) : cutter.describe_train(header);
  if (!described) return described.error();
  return cutter;
}

Result<> SegmentCutter::describe_whole(const VnetHeader& header) {
  whole_.room = room_;
  if (!header.needs_checksum) return {};
  const std::size_t start = header.checksum_start;
  const std::size_t offset = header.checksum_offset;
  if (start <= kFieldMax && offset <= kFieldMax) {
    if (start + offset + 2 > whole_.frame().size()) {
      return Error{Errc::bad_value, 0, "swift: checksum lies outside the frame"};
    }
    whole_.partial_checksum = true;
    whole_.checksum_start = static_cast<std::uint8_t>(start);
    whole_.checksum_offset = static_cast<std::uint8_t>(offset);
    return {};
  }
  return packet::complete_checksum(whole_.frame(), {.start = start, .offset = offset});
}

Result<> SegmentCutter::describe_train(const VnetHeader& header) {
  const ByteSpan frame = room_.subspan(kPrefixMax);
  const auto layers = packet::parse_layers(frame);
  if (!layers || !describes(header, *layers)) {
    return Error{Errc::bad_value, 0, "swift: not the super-frame it is said to be"};
  }
  const bool tcp = layers->protocol == packet::ip_protocol::kTcp;
  const auto tcp_header = packet::tcp_header_size(frame, *layers);
  if (tcp && !tcp_header) return Error{Errc::bad_value, 0, "swift: damaged TCP header"};
  headers_ = layers->transport_at + (tcp ? *tcp_header : packet::kUdpHeaderSize);
  if (headers_ > layers->end) return Error{Errc::bad_value, 0, "swift: damaged UDP header"};
  if (headers_ > kHeadersMax) return Error{Errc::too_large, 0, "swift: too many headers"};
  if (header.segment_size < kPayloadMin) {
    return Error{Errc::bad_value, 0, "swift: segments too small"};
  }
  layers_ = *layers;
  payload_ = header.segment_size;
  total_ = layers_.end - headers_;
  count_ = std::max<std::size_t>(1, (total_ + payload_ - 1) / payload_);
  whole_.partial_checksum = true;
  // Below kHeadersMax, so both fit.
  whole_.checksum_start = static_cast<std::uint8_t>(layers_.transport_at);
  whole_.checksum_offset = static_cast<std::uint8_t>(tcp ? kTcpChecksumAt : kUdpChecksumAt);
  std::ranges::copy(frame.first(headers_), template_.begin());
  prepare_sums();
  return {};
}

void SegmentCutter::prepare_sums() {
  const Byte* network = template_.data() + layers_.network_at;
  if (layers_.network == packet::Network::ipv4) {
    const std::size_t size = layers_.transport_at - layers_.network_at;
    network_sum_ = fields::sum_of(network, size) - fields::u16(network + 2) -
                   fields::u16(network + 4) - fields::u16(network + 10);
    pseudo_sum_ = fields::sum_of(network + 12, 8) + layers_.protocol;
  } else {
    pseudo_sum_ = fields::sum_of(network + 8, 32) + layers_.protocol;
  }
}

bool SegmentCutter::next(Segment& segment) {
  if (index_ == count_) return false;
  segment = whole_;
  if (headers_ == 0) {
    ++index_;
    return true;
  }
  const std::size_t at = index_ * payload_;
  const std::size_t payload = std::min(payload_, total_ - at);
  segment.room = room_.subspan(at, kPrefixMax + headers_ + payload);
  write_headers(segment.frame().data(), payload, index_ + 1 == count_);
  ++index_;
  return true;
}

// Lengths, IPv4 ID and checksum, sequence number, flags (CWR in the first only; FIN and PSH in the
// last only), and the pseudo-header's sum of this segment.
void SegmentCutter::write_headers(Byte* at, std::size_t payload, bool last) const {
  std::memcpy(at, template_.data(), headers_);
  Byte* network = at + layers_.network_at;
  Byte* transport = at + layers_.transport_at;
  const auto size = static_cast<std::uint16_t>(headers_ - layers_.network_at + payload);
  const auto transport_size = static_cast<std::uint16_t>(headers_ - layers_.transport_at + payload);
  if (layers_.network == packet::Network::ipv4) {
    const auto id = static_cast<std::uint16_t>(fields::u16(network + 4) + index_);
    fields::put_u16(network + 2, size);
    fields::put_u16(network + 4, id);
    fields::put_u16(network + 10,
                    static_cast<std::uint16_t>(~fields::folded(network_sum_ + size + id)));
  } else {
    fields::put_u16(network + 4, static_cast<std::uint16_t>(size - packet::kIpv6HeaderSize));
  }
  if (whole_.checksum_offset == kTcpChecksumAt) {
    const auto done = static_cast<std::uint32_t>(index_ * payload_);
    fields::put_u32(transport + 4, fields::u32(transport + 4) + done);
    if (!last) transport[13] &= ~Byte{0x09};
    if (index_ > 0) transport[13] &= ~Byte{0x80};
  } else {
    fields::put_u16(transport + 4, transport_size);
  }
  fields::put_u16(transport + whole_.checksum_offset, fields::folded(pseudo_sum_ + transport_size));
}

}  // namespace weft::swift
