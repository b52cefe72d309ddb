// SPDX-License-Identifier: Apache-2.0
// The tunnels of one worker, by index and by peer. Remembers the highest epoch of tunnels that are
// gone, so that a tunnel that comes back under its index cannot come back to a key.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/peer_name.h"
#include "router/swift/core/internal/channel.h"
#include "router/swift/core/spec.h"

namespace weft::swift {

class ChannelTable {
 public:
  // Tunnels that are gone and remembered. An index is random, so that it returns by chance takes
  // far more.
  static constexpr std::size_t kRetiredMax = 4096;

  explicit ChannelTable(const ChannelConfig& config) : config_(config) {}

  struct Changes {
    std::size_t refused_epochs = 0;
    std::vector<std::uint32_t> gone;  // indices
  };
  Changes reconcile(const std::vector<TunnelSpec>& tunnels);

  Channel* find(std::uint32_t index) {
    if (last_ != nullptr && last_->index() == index) return last_;
    return look_up(index);
  }
  // The channel towards a neighbour that carries frames; null if swift does not.
  Channel* carrying(PeerName peer) const;

 private:
  struct Retired {
    std::uint32_t index = 0;
    std::uint32_t highest_epoch = 0;
  };

  Channel* look_up(std::uint32_t index);
  void retire(const std::vector<TunnelSpec>& tunnels, std::vector<std::uint32_t>& gone);
  std::uint32_t highest_epoch(std::uint32_t index) const;

  ChannelConfig config_;
  std::vector<std::unique_ptr<Channel>> channels_;  // by index
  std::vector<Channel*> by_peer_;                   // those that carry frames
  std::deque<Retired> retired_;                     // oldest first
  Channel* last_ = nullptr;
};

}  // namespace weft::swift
