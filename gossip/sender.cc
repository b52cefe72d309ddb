// SPDX-License-Identifier: Apache-2.0
#include "gossip/sender.h"

#include <iterator>
#include <utility>

namespace weft::gossip {

namespace {

std::size_t size_of(const Datum& datum) {
  std::size_t total = 0;
  for (const auto& message : datum.messages)
    total += message.size();
  return total;
}

}  // namespace

void Datum::merge(Datum more) {
  everything = everything || more.everything;
  gossip::merge(news, more.news);
  messages.insert(messages.end(), std::make_move_iterator(more.messages.begin()),
                  std::make_move_iterator(more.messages.end()));
}

void Sender::gossip(std::string_view channel, Datum datum) {
  if (!admit(channel, datum)) return;
  auto& pending = buckets(channel).gossip;
  if (pending) {
    pending->merge(std::move(datum));
  } else {
    pending = std::move(datum);
  }
}

void Sender::broadcast(std::string_view channel, PeerName origin, Datum datum) {
  if (!admit(channel, datum)) return;
  buckets(channel).broadcasts[origin].merge(std::move(datum));
}

std::optional<Sender::Pending> Sender::take() {
  if (channels_.empty()) return std::nullopt;
  auto channel = channels_.begin();
  auto& [gossip, broadcasts] = channel->second;
  Pending pending{.channel = channel->first};
  if (gossip) {
    pending.datum = std::move(*gossip);
    gossip.reset();
  } else {
    auto first = broadcasts.begin();
    pending.origin = first->first;
    pending.datum = std::move(first->second);
    broadcasts.erase(first);
  }
  if (!gossip && broadcasts.empty()) channels_.erase(channel);
  relay_bytes_ -= size_of(pending.datum);
  return pending;
}

bool Sender::admit(std::string_view channel, const Datum& datum) {
  std::size_t size = size_of(datum);
  bool crowded =
      channels_.size() >= kRelayChannelsMax && channels_.find(channel) == channels_.end();
  if (!datum.messages.empty() && (crowded || relay_bytes_ + size > kRelayBytesMax)) {
    ++dropped_;
    return false;
  }
  relay_bytes_ += size;
  return true;
}

Sender::Buckets& Sender::buckets(std::string_view channel) {
  auto found = channels_.find(channel);
  if (found == channels_.end()) found = channels_.emplace(channel, Buckets{}).first;
  return found->second;
}

std::size_t Sender::pending_kinds() const {
  std::size_t kinds = 0;
  for (const auto& [channel, buckets] : channels_)
    kinds += (buckets.gossip ? 1 : 0) + buckets.broadcasts.size();
  return kinds;
}

}  // namespace weft::gossip
