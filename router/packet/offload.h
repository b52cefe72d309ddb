// SPDX-License-Identifier: Apache-2.0
// Does in software what a frame's sender left to the network card. Frames captured on a bridge port
// carry TCP and UDP checksums that hold only the pseudo-header's sum, and TCP super-frames of up to
// 64 KiB; an overlay needs whole frames of MTU size with final checksums.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "router/packet/headers.h"

namespace weft::packet {

// As in struct virtio_net_hdr: the sum runs from `start` to the end of the frame and is stored at
// start + offset, where the pseudo-header's sum stands already.
struct PartialChecksum {
  std::size_t start = 0;
  std::size_t offset = 0;
};

// Error (and an untouched frame) if the place lies outside the frame.
Result<> complete_checksum(ByteSpan frame, PartialChecksum where);

// For captures that do not say: completes the TCP or UDP checksum of an IPv4 or IPv6 frame if its
// field holds exactly the pseudo-header's sum. True if it did. A whole checksum stays as it is.
bool complete_partial_checksum(ByteSpan frame);

// Computes the TCP, UDP, ICMP or ICMPv6 checksum of an unfragmented packet anew, whatever the field
// holds. False if there is none to compute.
bool recompute_checksum(ByteSpan frame, const Layers& layers);

// True if the IP packet in `frame` is longer than `mtu`.
bool exceeds_mtu(ByteView frame, std::size_t mtu);

struct SegmentOptions {
  // Largest IP packet wanted. Used if `payload` is 0, for TCP only.
  std::size_t mtu = 1500;
  // Payload bytes per segment: virtio's gso_size. Required for UDP.
  std::size_t payload = 0;
};

// Cuts a TCP (IPv4 or IPv6) or UDP super-frame into frames as the network card would: lengths,
// IPv4 IDs, sequence numbers, flags (CWR in the first only; FIN and PSH in the last only) and all
// checksums. A frame that needs no cutting comes out as one, with its checksum computed.
//
//   auto segments = Segmenter::make(frame, {.mtu = 1376});
//   while (segments && segments->next_size() > 0) { …; segments->write_next(room); }
class Segmenter {
 public:
  // A super-frame has at most 64 KiB; with fewer payload bytes per segment somebody is playing.
  static constexpr std::size_t kPayloadMin = 8;

  // Error: not TCP or UDP, an IP fragment, damaged headers, or no room for kPayloadMin. `frame`
  // must outlive the segmenter.
  static Result<Segmenter> make(ByteView frame, SegmentOptions options);

  std::size_t count() const;  // of all segments
  // Size of the next frame; 0 when all are written.
  std::size_t next_size() const;
  // Writes next_size() bytes to the front of `out`.
  void write_next(ByteSpan out);

 private:
  Segmenter(ByteView frame, const Layers& layers, std::size_t headers, std::size_t payload);
  void finish_network_header(ByteSpan segment) const;
  void finish_tcp_header(ByteSpan segment, bool last) const;

  ByteView frame_;
  Layers layers_;
  std::size_t headers_;  // Ethernet, IP and TCP or UDP header, copied to every segment
  std::size_t payload_;  // per segment
  std::size_t at_;       // of the next segment's payload in frame_
  std::size_t index_ = 0;
  bool done_ = false;
};

}  // namespace weft::packet
