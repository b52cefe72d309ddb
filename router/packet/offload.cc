// SPDX-License-Identifier: Apache-2.0
#include "router/packet/offload.h"

#include <algorithm>
#include <optional>

#include "base/ensure.h"
#include "router/packet/checksum.h"

namespace weft::packet {
namespace {

// Zero means "no checksum" in UDP, so a sum that comes out as zero is sent as its other form, which
// every receiver takes for the same number.
std::uint16_t never_zero(std::uint16_t checksum) {
  return checksum == 0 ? std::uint16_t{0xffff} : checksum;
}

std::optional<std::size_t> checksum_offset(std::uint8_t protocol) {
  switch (protocol) {
    case ip_protocol::kTcp:
      return 16;
    case ip_protocol::kUdp:
      return 6;
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmpV6:
      return 2;
    default:
      return std::nullopt;
  }
}

void add_pseudo_header(InternetChecksum& sum, ByteView frame, const Layers& layers) {
  const std::size_t at = layers.network_at;
  if (layers.network == Network::ipv4) {
    sum.add(frame.subspan(at + 12, 8));
  } else {
    sum.add(frame.subspan(at + 8, 32));
  }
  sum.add_u16(layers.protocol);
  sum.add_u32(static_cast<std::uint32_t>(layers.end - layers.transport_at));
}

// Where the checksum field of a whole TCP or UDP packet stands.
std::optional<std::size_t> field_of(const Layers& layers) {
  if (layers.network == Network::other || layers.fragment) return std::nullopt;
  const auto offset = checksum_offset(layers.protocol);
  if (!offset || layers.end < layers.transport_at + *offset + 2) return std::nullopt;
  return layers.transport_at + *offset;
}

bool is_tcp_or_udp(std::uint8_t protocol) {
  return protocol == ip_protocol::kTcp || protocol == ip_protocol::kUdp;
}

}  // namespace

Result<> complete_checksum(ByteSpan frame, PartialChecksum where) {
  if (where.start > frame.size() || where.offset > frame.size() - where.start ||
      frame.size() - where.start - where.offset < 2) {
    return Error{Errc::bad_value, 0, "offload: checksum lies outside the frame"};
  }
  InternetChecksum sum;
  sum.add(frame.subspan(where.start));
  store_u16(frame.subspan(where.start + where.offset), never_zero(sum.checksum()));
  return {};
}

bool complete_partial_checksum(ByteSpan frame) {
  const auto layers = parse_layers(frame);
  if (!layers || !is_tcp_or_udp(layers->protocol)) return false;
  const auto field = field_of(*layers);
  if (!field) return false;
  InternetChecksum pseudo;
  add_pseudo_header(pseudo, frame, *layers);
  if (load_u16(frame.subspan(*field)) != pseudo.sum()) return false;
  InternetChecksum sum;
  sum.add(frame.subspan(layers->transport_at, layers->end - layers->transport_at));
  store_u16(frame.subspan(*field), never_zero(sum.checksum()));
  return true;
}

bool recompute_checksum(ByteSpan frame, const Layers& layers) {
  const auto field = field_of(layers);
  if (!field) return false;
  store_u16(frame.subspan(*field), 0);
  InternetChecksum sum;
  if (layers.protocol != ip_protocol::kIcmp) add_pseudo_header(sum, frame, layers);
  sum.add(frame.subspan(layers.transport_at, layers.end - layers.transport_at));
  store_u16(frame.subspan(*field), never_zero(sum.checksum()));
  return true;
}

bool exceeds_mtu(ByteView frame, std::size_t mtu) {
  const auto layers = parse_layers(frame);
  return layers && layers->network != Network::other && layers->end - layers->network_at > mtu;
}

Result<Segmenter> Segmenter::make(ByteView frame, SegmentOptions options) {
  const auto layers = parse_layers(frame);
  if (!layers || layers->network == Network::other || !is_tcp_or_udp(layers->protocol)) {
    return Error{Errc::unsupported, 0, "offload: neither TCP nor UDP"};
  }
  if (layers->fragment) return Error{Errc::unsupported, 0, "offload: an IP fragment"};
  std::size_t headers = layers->transport_at;
  if (layers->protocol == ip_protocol::kTcp) {
    const auto tcp = tcp_header_size(frame, *layers);
    if (!tcp) return Error{Errc::bad_value, 0, "offload: damaged TCP header"};
    headers += *tcp;
  } else {
    headers += kUdpHeaderSize;
    if (headers > layers->end) return Error{Errc::bad_value, 0, "offload: damaged UDP header"};
    if (options.payload == 0) return Error{Errc::bad_value, 0, "offload: UDP without segment size"};
  }
  std::size_t payload = options.payload;
  if (payload == 0) {
    const std::size_t overhead = headers - layers->network_at;
    payload = options.mtu > overhead ? options.mtu - overhead : 0;
  }
  if (payload < kPayloadMin) return Error{Errc::bad_value, 0, "offload: segments too small"};
  return Segmenter(frame, *layers, headers, payload);
}

Segmenter::Segmenter(ByteView frame, const Layers& layers, std::size_t headers, std::size_t payload)
    : frame_(frame), layers_(layers), headers_(headers), payload_(payload), at_(headers) {}

std::size_t Segmenter::count() const {
  const std::size_t total = layers_.end - headers_;
  return std::max<std::size_t>(1, (total + payload_ - 1) / payload_);
}

std::size_t Segmenter::next_size() const {
  return done_ ? 0 : headers_ + std::min(payload_, layers_.end - at_);
}

void Segmenter::write_next(ByteSpan out) {
  const std::size_t size = next_size();
  ensure(size > 0 && out.size() >= size, "offload: no segment left, or no room for it");
  ByteSpan segment = out.first(size);
  std::ranges::copy(frame_.first(headers_), segment.begin());
  std::ranges::copy(frame_.subspan(at_, size - headers_), segment.subspan(headers_).begin());
  const bool last = at_ + (size - headers_) == layers_.end;

  finish_network_header(segment);
  if (layers_.protocol == ip_protocol::kTcp) {
    finish_tcp_header(segment, last);
  } else {
    store_u16(segment.subspan(layers_.transport_at + 4),
              static_cast<std::uint16_t>(size - layers_.transport_at));
  }
  Layers own = layers_;
  own.end = size;
  recompute_checksum(segment, own);
  at_ += size - headers_;
  ++index_;
  done_ = last;
}

void Segmenter::finish_network_header(ByteSpan segment) const {
  const std::size_t at = layers_.network_at;
  if (layers_.network == Network::ipv6) {
    store_u16(segment.subspan(at + 4),
              static_cast<std::uint16_t>(segment.size() - at - kIpv6HeaderSize));
    return;
  }
  ByteSpan header = segment.subspan(at, layers_.transport_at - at);
  store_u16(header.subspan(2), static_cast<std::uint16_t>(segment.size() - at));
  store_u16(header.subspan(4), static_cast<std::uint16_t>(load_u16(header.subspan(4)) + index_));
  store_u16(header.subspan(10), 0);
  store_u16(header.subspan(10), InternetChecksum().add(header).checksum());
}

void Segmenter::finish_tcp_header(ByteSpan segment, bool last) const {
  constexpr auto kFinAndPush = Byte{0x09};
  constexpr auto kCongestionWindowReduced = Byte{0x80};
  ByteSpan header = segment.subspan(layers_.transport_at);
  const auto done = static_cast<std::uint32_t>(at_ - headers_);
  store_u32(header.subspan(4), load_u32(header.subspan(4)) + done);
  if (!last) header[13] &= ~kFinAndPush;
  if (index_ > 0) header[13] &= ~kCongestionWindowReduced;
}

}  // namespace weft::packet
