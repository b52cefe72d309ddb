// SPDX-License-Identifier: Apache-2.0
// The packet path of one worker as a pure machine: super-frames from the TAP device become sealed
// trains of datagrams, datagrams become super-frames again. It owns its MAC table, its stream's
// counters and the replay windows of the streams that are steered to it, and shares nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/mac.h"
#include "base/peer_name.h"
#include "base/time_point.h"
#include "router/swift/core/output.h"
#include "router/swift/core/spec.h"
#include "router/swift/core/vnet_header.h"
#include "router/swift/core/wire.h"

namespace weft::swift {

// Since the start of the worker. Every frame and datagram that goes no further is in one of the
// dropped_ counters, except what a bridge would not forward either (both ends here, spanning tree).
struct Counters {
  std::uint64_t captured_frames = 0, captured_bytes = 0;  // super-frames from the TAP device
  std::uint64_t injected_frames = 0, injected_bytes = 0;  // super-frames to it
  std::uint64_t injected_segments = 0;
  std::uint64_t sent_datagrams = 0, sent_bytes = 0;
  std::uint64_t received_datagrams = 0, received_bytes = 0;  // that opened
  std::uint64_t relayed_frames = 0;
  std::uint64_t to_control_frames = 0;
  std::uint64_t too_big_answered = 0;

  // Datagrams, before anything in them was believed.
  std::uint64_t dropped_truncated = 0, dropped_malformed = 0;
  std::uint64_t dropped_foreign_index = 0;   // no tunnel of ours
  std::uint64_t dropped_foreign_stream = 0;  // another worker's
  std::uint64_t dropped_wrong_kind = 0;      // plain to an encrypted tunnel, or the reverse
  std::uint64_t dropped_stale_epoch = 0, dropped_tampered = 0, dropped_replayed = 0;
  // Frames.
  std::uint64_t dropped_bad_frame = 0, dropped_unknown_source = 0, dropped_looped = 0,
                dropped_no_route = 0, dropped_mac_conflict = 0, dropped_too_big = 0;
  std::uint64_t dropped_no_key = 0;     // an encrypted tunnel that may not send yet
  std::uint64_t dropped_exhausted = 0;  // no counter left under this key
  std::uint64_t dropped_fragments = 0;  // whose frame could not be put together
  // Epochs that a Spec named again after they had gone, or out of order.
  std::uint64_t refused_epochs = 0;
};

class Forwarder {
 public:
  // Free bytes that must stand in front of every frame handed in by reference: our inner header
  // is written there, so that header and frame are sealed in one go.
  static constexpr std::size_t kHeadroom = kPrefixMax;
  // A frame, headroom not counted.
  static constexpr std::size_t kFrameMax = 65535 + 14 + 8;

  struct Config {
    PeerName us;
    // This worker's stream; also its number: datagrams of stream s belong to worker s % workers.
    std::uint8_t stream = 0;
    std::uint8_t workers = 1;
    // What the pods here take. A larger frame is cut or answered before the bridge, which would
    // drop it without a word.
    std::size_t bridge_mtu = 65535;
    // The TAP device takes UDP super-frames.
    bool joins_udp = true;
    // Report every decision as an event: slow, for --pkt-debug.
    bool traces = false;
    // CounterHigh after that many datagrams under one key.
    std::uint64_t counter_high = std::uint64_t{1} << 30;
  };

  explicit Forwarder(Config config);
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;
  ~Forwarder();

  // Between batches: after flush(), before the next input. What the new Spec does not name is
  // gone, keys wiped; what it keeps goes on counting where it was.
  void apply(const Spec& spec);
  // What other workers and sleeve learnt; and a peer that left the mesh.
  void learn(TimePoint now, MacAddr mac, PeerName peer);
  void forget(PeerName peer);

  // A frame from the TAP device. `room` is kHeadroom bytes, then the frame; both are written to.
  void on_super_frame(TimePoint now, const VnetHeader& header, ByteSpan room, Output& out);
  // One UDP payload, opened in place. It must stay where it is, unchanged, until what the output
  // says has been carried out: injected frames point into it. A buffer that came by UDP_GRO is
  // split by the caller.
  void on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out);

  // A whole frame, checksums complete, that came by another overlay and leaves by swift. Dropped
  // if `hop` is not on swift any more.
  struct Transmit {
    PeerName hop;
    PeerName source;
    PeerName destination;
    bool flood = false;  // destination is the hop; too large a frame is cut, not answered
  };
  void on_transmit(TimePoint now, const Transmit& where, ByteView frame, Output& out);

  // Sends over this worker's stream, whether the tunnel carries frames or not. Nothing happens for
  // an unknown tunnel, or without keys.
  void on_probe(std::uint32_t tunnel, const Probe& probe, Output& out);

  // Ends a batch: nothing is held back after it. `out` must be the same for the whole batch.
  void flush(TimePoint now, Output& out);

  const Counters& counters() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weft::swift
