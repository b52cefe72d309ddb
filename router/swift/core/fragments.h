// SPDX-License-Identifier: Apache-2.0
// Puts frames together that were too large for a path and had to be cut by swift. The fragments of
// a frame have consecutive counters, so counter less index names the frame. Memory is bounded: a
// few frames per tunnel and worker, and no frame waits long.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/peer_name.h"
#include "base/time_point.h"

namespace weft::swift {

struct Fragment {
  // Which frame: our index of the tunnel, key epoch, the sender's stream, counter of fragment 0.
  std::uint32_t tunnel = 0;
  std::uint32_t epoch = 0;
  std::uint8_t stream = 0;
  std::uint64_t first_counter = 0;
  std::uint8_t index = 0;
  std::uint8_t count = 0;
  PeerName source;
  PeerName destination;
  ByteView bytes;
};

class Fragments {
 public:
  static constexpr std::size_t kFramesMax = 8;
  static constexpr std::size_t kFramesPerTunnelMax = 4;
  static constexpr std::size_t kFrameSizeMax = 65535 + 14 + 8;
  // Fragments leave in one go, so what is late by that much was lost.
  static constexpr std::chrono::seconds kAgeMax{2};

  struct Whole {
    PeerName source;
    PeerName destination;
    ByteView frame;  // valid until the next call
  };

  // The frame, if this was its last missing fragment.
  std::optional<Whole> add(TimePoint now, const Fragment& fragment);
  // Frames that were given up since the last call: too old, pushed out, or of fragments that do
  // not belong together.
  std::uint64_t take_dropped();
  void forget(std::uint32_t tunnel);

 private:
  struct Partial {
    bool used = false;
    TimePoint since;
    Fragment head;               // of the first fragment that came, less its bytes
    std::size_t piece_size = 0;  // of all but the last; 0: not known yet
    std::size_t last_size = 0;   // 0: not there yet
    std::bitset<256> there;
    Bytes bytes;  // the last fragment waits at the end until piece_size is known
  };

  Partial* find(const Fragment& fragment);
  Partial& start(TimePoint now, const Fragment& fragment);
  Partial& slot_for(std::uint32_t tunnel);
  void expire(TimePoint now);
  void drop(Partial& partial);
  static bool store(Partial& partial, const Fragment& fragment);

  std::array<Partial, kFramesMax> partials_;
  std::uint64_t dropped_ = 0;
};

}  // namespace weft::swift
