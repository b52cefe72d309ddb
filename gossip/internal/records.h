// SPDX-License-Identifier: Apache-2.0
// Small rules about records that the parts of the topology share.
#pragma once

#include <algorithm>
#include <vector>

#include "gossip/topology_wire.h"

namespace weft::gossip {

inline bool by_name(const ConnectionRecord& a, const ConnectionRecord& b) {
  return a.peer < b.peer;
}

// Works on const and other vectors.
template <class Connections>
auto find_connection(Connections& connections, PeerName peer) {
  return std::lower_bound(
      connections.begin(), connections.end(), peer,
      [](const ConnectionRecord& connection, PeerName name) { return connection.peer < name; });
}

// Whether `update` says something newer than what is stored.
inline bool supersedes(const PeerRecord& update, const PeerRecord& stored) {
  if (update.version != stored.version) return update.version > stored.version;
  if (update.uid != stored.uid) return update.uid > stored.uid;
  return update.short_id.has_value() && !stored.short_id.has_value();
}

}  // namespace weft::gossip
