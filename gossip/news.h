// SPDX-License-Identifier: Apache-2.0
// News of the topology: whose records are to be told, and what the listener is thought to have of
// them. Values; they merge while they wait for a busy stream.
#pragma once

#include <cstdint>
#include <map>

#include "base/peer_name.h"

namespace weft::gossip {

struct NewsItem {
  std::uint64_t since = 0;  // the version that the listener is thought to have; 0: none
  // The owner does not itself tell its neighbours, so whoever passes this on leaves none out.
  bool stranger = false;
  friend bool operator==(const NewsItem&, const NewsItem&) = default;
};
using News = std::map<PeerName, NewsItem>;

// Afterwards `into` tells what either told, to a listener who has the lesser version.
void merge(News& into, const News& more);

}  // namespace weft::gossip
