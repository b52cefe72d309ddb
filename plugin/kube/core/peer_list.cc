// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/peer_list.h"

#include <algorithm>

#include "plugin/kube/core/objects.h"

namespace weft::kube {

namespace {

constexpr std::string_view kPrefix = "kube-peers.weave.works/";
constexpr const char* kListKey = "kube-peers.weave.works/peers";

const Json* annotations_of(const Json& config_map) {
  const Json* meta = member(config_map, "metadata");
  return meta == nullptr ? nullptr : member(*meta, "annotations");
}

Json& annotations_in(Json& config_map) {
  return object_in(object_in(config_map, "metadata"), "annotations");
}

std::optional<std::string> annotation(const Json& config_map, const std::string& key) {
  const Json* annotations = annotations_of(config_map);
  const Json* value = annotations == nullptr ? nullptr : member(*annotations, key.c_str());
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

}  // namespace

const ListedPeer* PeerList::find(std::string_view peer_name) const {
  auto at = std::find_if(peers.begin(), peers.end(),
                         [&](const ListedPeer& p) { return p.peer_name == peer_name; });
  return at == peers.end() ? nullptr : &*at;
}

Result<PeerList> read_peer_list(const Json& config_map) {
  PeerList list;
  const auto text = annotation(config_map, kListKey);
  if (!text) return list;
  const Error damaged{Errc::bad_value, 0, "the annotation kube-peers.weave.works/peers is damaged"};
  auto json = parse_object(*text, kObjectTextMax);
  if (!json) return damaged;
  const Json* peers = member(*json, "Peers");
  if (peers == nullptr) return list;  // Go writes an empty list as null
  if (!peers->is_array()) return damaged;
  if (peers->size() > kListedPeersMax) {
    return Error{Errc::too_large, 0, "the annotation kube-peers.weave.works/peers is too long"};
  }
  for (const Json& peer : *peers) {
    ListedPeer listed{.peer_name = text_of(peer, "PeerName"),
                      .node_name = text_of(peer, "NodeName")};
    if (listed.peer_name.empty()) return damaged;
    list.peers.push_back(std::move(listed));
  }
  return list;
}

void write_peer_list(Json& config_map, const PeerList& list) {
  using Ordered = nlohmann::ordered_json;  // Go writes fields in the order of the structure
  Ordered peers = Ordered::array();
  for (const ListedPeer& peer : list.peers)
    peers.push_back({{"PeerName", peer.peer_name}, {"NodeName", peer.node_name}});
  const Ordered record = {{"Peers", std::move(peers)}};
  annotations_in(config_map)[kListKey] =
      record.dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

std::string lock_key(std::string_view peer_name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./";
  std::string key(kPrefix);
  for (char c : peer_name)
    key += kAllowed.find(c) == std::string_view::npos ? '_' : c;
  return key;
}

std::optional<std::string> lock_holder(const Json& config_map, std::string_view peer_name) {
  return annotation(config_map, lock_key(peer_name));
}

bool list_peer(Json& config_map, PeerList& list, const ListedPeer& peer) {
  if (list.contains(peer.peer_name) || list.peers.size() >= kListedPeersMax) return false;
  list.peers.push_back(peer);
  write_peer_list(config_map, list);
  return true;
}

LockOutcome take_lock(Json& config_map, const PeerList& list, std::string_view peer,
                      std::string_view own_name) {
  const auto holder = lock_holder(config_map, peer);
  if (holder == own_name) return LockOutcome::already_mine;
  if (holder && list.contains(*holder)) return LockOutcome::held_by_other;
  annotations_in(config_map)[lock_key(peer)] = std::string(own_name);
  return LockOutcome::taken;
}

bool release_lock(Json& config_map, std::string_view peer, std::string_view own_name) {
  if (lock_holder(config_map, peer) != own_name) return false;
  annotations_in(config_map).erase(lock_key(peer));
  return true;
}

bool forget_listed(Json& config_map, PeerList& list, std::string_view peer) {
  bool changed = false;
  Json& annotations = annotations_in(config_map);
  for (auto at = annotations.begin(); at != annotations.end();) {
    const bool theirs = at->is_string() && at->get<std::string>() == peer;
    const bool on_them = at.key() == lock_key(peer);
    changed = changed || theirs || on_them;
    at = theirs || on_them ? annotations.erase(at) : std::next(at);
  }
  const auto gone =
      std::erase_if(list.peers, [&](const ListedPeer& listed) { return listed.peer_name == peer; });
  if (gone != 0) write_peer_list(config_map, list);
  return changed || gone != 0;
}

}  // namespace weft::kube
