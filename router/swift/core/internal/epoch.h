// SPDX-License-Identifier: Apache-2.0
// One key epoch of one tunnel in one worker: both ciphers, the counter of our stream and the
// windows of the peer's streams. Made once per epoch and never again, so that no counter can start
// anew under a key.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "crypto/packet_aead.h"
#include "router/swift/core/replay_window.h"
#include "router/swift/core/spec.h"
#include "router/swift/core/wire.h"

namespace weft::swift {

class Epoch {
 public:
  // Datagrams under one key and stream. Far below what the counter holds and what the ciphers
  // bear, far above where new keys are wanted: reached only if no new keys come for days.
  static constexpr std::uint64_t kCounterMax = std::uint64_t{1} << 36;

  // Null: this machine cannot run the cipher with that provider.
  static std::unique_ptr<Epoch> make(const EpochKeys& keys);

  std::uint32_t number() const { return number_; }
  bool exhausted() const { return counter_ >= kCounterMax; }
  std::uint64_t counter() const { return counter_; }  // of the next datagram

  // `box` is kOuterSize + text + kTagSize bytes, of which the first eight are written; uses up one
  // counter. `stream` is the third part of the nonce.
  void seal(std::uint8_t stream, ByteView text, ByteSpan box);
  // True if the datagram is the peer's; afterwards the text stands between header and tag.
  bool open(std::uint8_t stream, std::uint64_t counter, ByteSpan datagram) const;

  // Null until the stream was first heard of. `slot` numbers the streams that are this worker's.
  ReplayWindow* window(std::size_t slot);
  ReplayWindow& make_window(std::size_t slot);
  // True the first time.
  bool first_heard() { return !std::exchange(heard_, true); }

 private:
  explicit Epoch(const EpochKeys& keys)
      : number_(keys.epoch), send_salt_(keys.send_salt), receive_salt_(keys.receive_salt) {}

  std::uint32_t number_;
  bool heard_ = false;
  std::uint64_t counter_ = 0;
  std::array<Byte, 4> send_salt_;
  std::array<Byte, 4> receive_salt_;
  std::unique_ptr<crypto::PacketAead> sealer_;
  std::unique_ptr<crypto::PacketAead> opener_;
  std::vector<std::unique_ptr<ReplayWindow>> windows_;  // by slot
};

}  // namespace weft::swift
