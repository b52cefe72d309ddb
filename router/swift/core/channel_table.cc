// SPDX-License-Identifier: Apache-2.0
#include "router/swift/core/internal/channel_table.h"

#include <algorithm>

namespace weft::swift {
namespace {

std::uint32_t index_of(const std::unique_ptr<Channel>& channel) {
  return channel->index();
}

PeerName peer_of(const Channel* channel) {
  return channel->peer();
}

}  // namespace

ChannelTable::Changes ChannelTable::reconcile(const std::vector<TunnelSpec>& tunnels) {
  Changes changes;
  last_ = nullptr;
  retire(tunnels, changes.gone);
  for (const TunnelSpec& tunnel : tunnels) {
    Channel* channel = look_up(tunnel.index);
    if (channel == nullptr) {
      auto made = std::make_unique<Channel>(config_, tunnel.index, highest_epoch(tunnel.index));
      channel = made.get();
      const auto at = std::ranges::lower_bound(channels_, tunnel.index, {}, index_of);
      channels_.insert(at, std::move(made));
    }
    changes.refused_epochs += channel->reconcile(tunnel);
  }
  by_peer_.clear();
  for (const auto& channel : channels_) {
    if (channel->carries_frames()) by_peer_.push_back(channel.get());
  }
  std::ranges::stable_sort(by_peer_, {}, peer_of);
  return changes;
}

void ChannelTable::retire(const std::vector<TunnelSpec>& tunnels,
                          std::vector<std::uint32_t>& gone) {
  std::erase_if(channels_, [&](const std::unique_ptr<Channel>& channel) {
    const std::uint32_t index = channel->index();
    const auto is_it = [index](const TunnelSpec& t) {
      return t.index == index;
    };
    if (std::ranges::any_of(tunnels, is_it)) return false;
    gone.push_back(index);
    retired_.push_back({index, channel->highest_epoch()});
    return true;
  });
  while (retired_.size() > kRetiredMax)
    retired_.pop_front();
}

// The newest entry counts: epochs only grow.
std::uint32_t ChannelTable::highest_epoch(std::uint32_t index) const {
  const auto is_it = [index](const Retired& r) {
    return r.index == index;
  };
  const auto found = std::find_if(retired_.rbegin(), retired_.rend(), is_it);
  return found == retired_.rend() ? 0 : found->highest_epoch;
}

Channel* ChannelTable::look_up(std::uint32_t index) {
  const auto at = std::ranges::lower_bound(channels_, index, {}, index_of);
  if (at == channels_.end() || (*at)->index() != index) return nullptr;
  last_ = at->get();
  return last_;
}

Channel* ChannelTable::carrying(PeerName peer) const {
  const auto at = std::ranges::lower_bound(by_peer_, peer, {}, peer_of);
  return at != by_peer_.end() && (*at)->peer() == peer ? *at : nullptr;
}

}  // namespace weft::swift
