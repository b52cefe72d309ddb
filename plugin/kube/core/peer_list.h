// SPDX-License-Identifier: Apache-2.0
// What Weave's agents and ours keep in annotations of the ConfigMap weave-net, so that one peer
// alone takes over the addresses of a node that is gone. Exactly Weave's, since both kinds read it:
//
//   kube-peers.weave.works/peers   {"Peers":[{"PeerName":"7a:9f:…","NodeName":"node1"},…]}
//   kube-peers.weave.works/7a_9f_eb_b6_0c_6e   the peer that is taking over from 7a:9f:eb:b6:0c:6e
//
// Source: weave 2.8.1, prog/kube-utils/{peerlist,annotations,main}.go. The functions edit the whole
// ConfigMap as JSON and leave everything else in it alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/peer_name.h"
#include "plugin/kube/core/json_text.h"

namespace weft::kube {

// Beyond it the annotations of one object, 256 KiB in all, would be full.
inline constexpr std::size_t kListedPeersMax = 10'000;

struct ListedPeer {
  std::string peer_name;  // as text: Weave compares texts
  std::string node_name;
  friend bool operator==(const ListedPeer&, const ListedPeer&) = default;
};

struct PeerList {
  std::vector<ListedPeer> peers;

  const ListedPeer* find(std::string_view peer_name) const;
  bool contains(std::string_view peer_name) const { return find(peer_name) != nullptr; }
};

// An absent annotation is an empty list. One that cannot be read is an error, and nothing may be
// written over it: somebody's addresses hang on it.
Result<PeerList> read_peer_list(const Json& config_map);
void write_peer_list(Json& config_map, const PeerList& list);

std::string lock_key(std::string_view peer_name);
std::optional<std::string> lock_holder(const Json& config_map, std::string_view peer_name);

// True: the object was changed and must be written.
bool list_peer(Json& config_map, PeerList& list, const ListedPeer& peer);
// Whoever holds the lock on `peer` alone may take over from it. A lock of a peer that is no longer
// listed is nobody's.
enum class LockOutcome : std::uint8_t { taken, already_mine, held_by_other };
LockOutcome take_lock(Json& config_map, const PeerList& list, std::string_view peer,
                      std::string_view own_name);
// Takes the lock away, if it is ours. True: changed.
bool release_lock(Json& config_map, std::string_view peer, std::string_view own_name);
// What follows a takeover: the peer's entry, its own locks on others and the lock on it go.
bool forget_listed(Json& config_map, PeerList& list, std::string_view peer);

}  // namespace weft::kube
