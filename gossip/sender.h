// SPDX-License-Identifier: Apache-2.0
// What is still to be told to one neighbour. While the stream is busy, news merges here instead of
// queueing: one pending gossip datum for each channel and one broadcast datum for each origin.
// State is encoded only when it is taken out, so the newest goes out. docs/wire/gossip.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/peer_name.h"
#include "gossip/news.h"

namespace weft::gossip {

// Relayed bytes of unknown channels that may wait for one neighbour; what is more is dropped.
inline constexpr std::size_t kRelayBytesMax = 4 * 1024 * 1024;
// Unknown channels with something pending for one neighbour.
inline constexpr std::size_t kRelayChannelsMax = 64;

// News of one channel. Which parts are used depends on the channel: the topology names peers,
// channels with an owner say "everything", unknown channels hold the messages themselves.
struct Datum {
  bool everything = false;
  News news;
  std::vector<Bytes> messages;

  void merge(Datum more);
};

class Sender {
 public:
  struct Pending {
    std::string channel;
    std::optional<PeerName> origin;  // of a broadcast
    Datum datum;
  };

  void gossip(std::string_view channel, Datum datum);
  void broadcast(std::string_view channel, PeerName origin, Datum datum);
  // Takes out what is to be sent next: of each channel gossip first, then broadcasts by origin.
  std::optional<Pending> take();
  bool empty() const { return channels_.empty(); }
  std::uint64_t dropped() const { return dropped_; }
  // Of how many kinds something waits; each kind merges.
  std::size_t pending_kinds() const;

 private:
  struct Buckets {
    std::optional<Datum> gossip;
    std::map<PeerName, Datum> broadcasts;
  };

  // False, and counted, if the messages would exceed our bounds.
  bool admit(std::string_view channel, const Datum& datum);
  Buckets& buckets(std::string_view channel);

  std::map<std::string, Buckets, std::less<>> channels_;  // none without anything pending
  std::size_t relay_bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace weft::gossip
