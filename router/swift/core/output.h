// SPDX-License-Identifier: Apache-2.0
// What a Forwarder wants done, collected over a batch: trains of datagrams to send, frames to
// write to the TAP device, and what the control thread must know. Filled by the Forwarder, emptied
// by the worker with clear(), which keeps the memory: nothing is allocated per packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/mac.h"
#include "base/peer_name.h"
#include "router/overlay/decision.h"
#include "router/swift/core/vnet_header.h"
#include "router/swift/core/wire.h"

namespace weft::swift {

// Memory for one batch, in blocks that never move. What was taken stays until clear().
class Arena {
 public:
  // `size` bytes, not initialised.
  ByteSpan take(std::size_t size);
  // Gives back the end of what take() returned last; ignored if something was taken since.
  void give_back(ByteSpan unused);
  void clear();
  std::size_t used() const { return used_; }  // since clear(), in bytes

 private:
  struct Block {
    std::unique_ptr<Byte[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t current_ = 0;  // in blocks_
  std::size_t at_ = 0;       // in the current block
  std::size_t used_ = 0;
};

// Datagrams for one sendmsg() with UDP_SEGMENT: one behind the other, all of `segment_size` bytes
// but the last, which may be shorter. At most kSegmentsMax, and kDatagramMax bytes. Trains of one
// tunnel are to be sent in order. All carry DF.
struct Train {
  static constexpr std::size_t kSegmentsMax = 64;  // UDP_MAX_SEGMENTS

  ByteView bytes;  // in the arena
  std::uint16_t segment_size = 0;
  std::uint16_t segments = 0;
  std::uint32_t tunnel = 0;  // our index of it
  Endpoint to;
  Ipv4Addr local;
  bool one_source_port = false;  // from the port that we receive on
  // Larger than the path is known to carry: EMSGSIZE is an answer, not a fault.
  bool mtu_probe = false;
};

// For one writev() to the TAP device: the header, then `count` of Output::pieces from `first`.
// Pieces point into the received datagrams and into the arena.
struct Injection {
  VnetHeader header;
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t size = 0;  // of all pieces, in bytes
};

// A frame whose way leads on over links that swift does not carry: whole, MTU-sized, checksums
// complete. `hops` are the neighbours that still have to get it.
struct FrameForControl {
  ByteView bytes;  // in the arena
  PeerName source;
  PeerName destination;  // unknown with flood: there each hop is its own destination
  bool flood = false;
  std::size_t first_hop = 0;  // in Output::hops
  std::size_t hop_count = 0;
};

// A MAC was seen behind a peer, ourselves included: new, moved, or heard of again after a minute.
struct Learnt {
  MacAddr mac;
  PeerName peer;
};
// A frame from the TAP device had a source that lives behind `peer`; dropped.
struct MacConflict {
  MacAddr mac;
  PeerName peer;
};
struct ProbeReceived {
  std::uint32_t tunnel = 0;  // our index
  std::uint8_t stream = 0;   // of the peer
  Endpoint from;
  Probe probe;
};
// An authenticated datagram, newer than all before it, came from where none did before.
struct RemoteMoved {
  std::uint32_t tunnel = 0;
  std::uint8_t stream = 0;  // of the peer; unless it has one source port, each has its own
  Endpoint from;
};
struct FirstOfEpoch {  // authenticated, in this worker
  std::uint32_t tunnel = 0;
  std::uint32_t epoch = 0;
};
struct CounterHigh {  // so many datagrams that new keys are wanted; once per epoch and worker
  std::uint32_t tunnel = 0;
  std::uint32_t epoch = 0;
};
using Event =
    std::variant<Learnt, MacConflict, ProbeReceived, RemoteMoved, FirstOfEpoch, CounterHigh,
                 overlay::Decision>;  // decisions only if they are traced

struct Output {
  Arena arena;
  std::vector<Train> trains;
  std::vector<Injection> injections;
  std::vector<ByteView> pieces;
  std::vector<FrameForControl> for_control;
  std::vector<PeerName> hops;
  std::vector<Event> events;

  void clear();
  // The batch has grown so large that it should end: flush, carry out, clear.
  bool full() const { return arena.used() >= kArenaFull; }

  static constexpr std::size_t kArenaFull = std::size_t{1} << 20;
};

}  // namespace weft::swift
