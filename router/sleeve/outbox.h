// SPDX-License-Identifier: Apache-2.0
// Builds the datagrams of one tunnel in the arena: collects the frames that are at hand into one
// datagram per path, numbers it and seals it in place. With a box there is no way past sealing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/ip.h"
#include "base/peer_name.h"
#include "crypto/frame_box.h"
#include "router/sleeve/effects.h"
#include "router/sleeve/wire.h"

namespace weft::sleeve {

// How the outer IP packet travels: with the don't-fragment flag, or at the mercy of fragmentation.
enum class Path : std::uint8_t { df, non_df };

class Outbox {
 public:
  // Room that is kept for further frames when a datagram is begun. Enough for the largest MTU of
  // Ethernet; beyond it aggregation gains nothing.
  static constexpr std::size_t kAggregateMax = 9216;
  // The same while the path MTU is not known: what hardly any path refuses.
  static constexpr std::size_t kAggregateUnknown = 1200;

  Outbox(PeerName us, std::optional<crypto::FrameBox> box);

  std::size_t overhead() const { return box_ ? kSealedOverhead : kPlainOverhead; }
  bool sealed() const { return box_.has_value(); }

  // Where datagrams go from now on, and how large those with DF may be. What is open is closed
  // first under the old terms.
  void set_remote(Endpoint remote, Effects& out);
  void set_max_payload(std::size_t size, Effects& out);
  const std::optional<Endpoint>& remote() const { return remote_; }

  // Room for a frame of `size` bytes, in the open datagram of the path or a new one; the header
  // before it is written. Nothing if the frame is too large for any. Needs a remote.
  struct Names {
    PeerName source;
    PeerName destination;
  };
  std::optional<ByteSpan> add(Path path, const Names& names, std::size_t size, Effects& out);

  // Seals the open datagrams and hands them out.
  void flush(Effects& out);
  void close(Path path, Effects& out);
  bool open() const { return streams_[0].frames > 0 || streams_[1].frames > 0; }
  // Forgets what is open, unsent.
  void discard();

 private:
  struct Stream {
    std::uint64_t next_sequence = 0;
    int frames = 0;  // in the open datagram; 0: none is open
    std::size_t offset = 0;
    std::size_t size = 0;
    std::size_t capacity = 0;
  };
  Stream& stream(Path path) { return streams_[static_cast<std::size_t>(path)]; }
  bool begin(Path path, std::size_t first_frame, Effects& out);

  PeerName us_;
  std::optional<crypto::FrameBox> box_;
  std::optional<Endpoint> remote_;
  std::size_t max_payload_ = kUdpPayloadMax;
  std::array<Stream, 2> streams_;
};

}  // namespace weft::sleeve
