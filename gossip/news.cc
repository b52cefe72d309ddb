// SPDX-License-Identifier: Apache-2.0
#include "gossip/news.h"

#include <algorithm>

namespace weft::gossip {

void merge(News& into, const News& more) {
  for (const auto& [name, item] : more) {
    auto [at, added] = into.try_emplace(name, item);
    if (added) continue;
    at->second.since = std::min(at->second.since, item.since);
    at->second.stranger = at->second.stranger || item.stranger;
  }
}

}  // namespace weft::gossip
