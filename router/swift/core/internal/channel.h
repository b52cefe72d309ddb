// SPDX-License-Identifier: Apache-2.0
// One tunnel in one worker: seals texts into trains, opens datagrams, follows the TunnelSpec. Reads
// nothing of a text and decides nothing about frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/peer_name.h"
#include "router/swift/core/internal/epoch.h"
#include "router/swift/core/internal/train_builder.h"
#include "router/swift/core/output.h"
#include "router/swift/core/spec.h"
#include "router/swift/core/wire.h"

namespace weft::swift {

struct ChannelConfig {
  std::uint8_t stream = 0;  // ours
  std::uint8_t workers = 1;
  std::uint64_t counter_high = 0;
};

enum class Sealed : std::uint8_t { ok, no_key, exhausted };
enum class Opened : std::uint8_t { ok, truncated, wrong_kind, stale_epoch, replayed, tampered };

class Channel {
 public:
  // `highest_epoch`: what this index had before, 0 for nothing. Epochs are above it.
  Channel(const ChannelConfig& config, std::uint32_t index, std::uint32_t highest_epoch)
      : config_(config), index_(index), highest_epoch_(highest_epoch) {}

  // Number of epochs that were named and not installed. Not while a train is open.
  std::size_t reconcile(const TunnelSpec& spec);

  std::uint32_t index() const { return index_; }
  PeerName peer() const { return peer_; }
  bool carries_frames() const { return carries_frames_; }
  std::uint32_t highest_epoch() const { return highest_epoch_; }
  // The largest text, inner header included, that fits the path. The MTU of the packets in it:
  std::size_t text_max() const { return text_max_; }
  std::size_t packet_mtu() const;

  Sealed seal(ByteView text, Output& out);
  // As a train of its own, for a datagram that fills `packet_size` bytes of IP packet if that is
  // more than it needs.
  Sealed seal_probe(const Probe& probe, Output& out);
  bool train_open() const { return trains_.open(); }
  void close_train(Output& out) { trains_.close(out); }

  // In place. Changes nothing unless the datagram is the peer's, and new.
  Opened open(Endpoint from, const Outer& outer, ByteSpan datagram, Output& out);

 private:
  std::size_t tag_size() const { return encrypted_ ? kTagSize : 0; }
  std::size_t reconcile_epochs(const TunnelSpec& spec);
  Epoch* find_epoch(std::uint16_t low);
  Sealed ready() const;
  void seal_into(ByteView text, ByteSpan box, Output& out);
  void note_source(Endpoint from, const Outer& outer, Output& out);

  ChannelConfig config_;
  std::uint32_t index_;
  std::uint32_t highest_epoch_;
  PeerName peer_;
  bool encrypted_ = false;
  bool carries_frames_ = false;
  std::size_t text_max_ = 0;
  Train model_;
  // The first half of the outer header.
  std::array<Byte, 8> header_{};
  std::vector<std::unique_ptr<Epoch>> epochs_;  // newest last
  Epoch* sending_ = nullptr;
  std::uint64_t plain_counter_ = 0;
  TrainBuilder trains_;
  Bytes probe_;
  // Where each of the peer's streams last came from; port 0: not heard of.
  std::vector<Endpoint> sources_;
};

}  // namespace weft::swift
