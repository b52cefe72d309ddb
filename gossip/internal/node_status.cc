// SPDX-License-Identifier: Apache-2.0
// What the node tells operators.
#include <algorithm>

#include "gossip/internal/node_core.h"

namespace weft::gossip {

std::string_view to_string(LinkState state) {
  switch (state) {
    case LinkState::established:
      return "established";
    case LinkState::pending:
      return "pending";
    case LinkState::waiting:
      return "waiting";
    case LinkState::failed:
      return "failed";
    case LinkState::connecting:
      return "connecting";
    case LinkState::retrying:
      return "retrying";
  }
  return "";
}

bool Node::Core::reachable(PeerName peer) const {
  return routes.unicast_all().count(peer) != 0 || table_.count(peer) != 0 || peer == config.name;
}

MeshStatus Node::Core::status(TimePoint now) const {
  MeshStatus status{.name = config.name,
                    .nickname = config.nickname,
                    .port = config.port,
                    .encrypted = config.password.has_value(),
                    .discovery = config.discovery,
                    .conn_limit = config.conn_limit,
                    .termination_count = terminations_,
                    .targets = connector.texts(),
                    .trusted_subnets = config.trusted_subnets};
  auto add_peer = [&](const PeerRecord& record) {
    PeerStatus peer{.name = record.name,
                    .nickname = record.nickname,
                    .uid = record.uid,
                    .version = record.version,
                    .short_id = record.short_id};
    for (const auto& connection : record.connections) {
      const auto* other = topology.find(connection.peer);
      peer.connections.push_back({.peer = connection.peer,
                                  .nickname = other == nullptr ? std::string() : other->nickname,
                                  .address = connection.remote_address.text(),
                                  .outbound = connection.outbound,
                                  .established = connection.established});
    }
    status.peers.push_back(std::move(peer));
  };
  add_peer(topology.self());
  for (const auto& [name, record] : topology.peers()) {
    if (name != config.name) add_peer(record);
  }
  for (const auto& [peer, id] : table_)
    status.links.push_back(link_status(links_.at(id)));
  connector.report(status.links);
  for (const auto& failed : failed_inbound_) {
    if (now - failed.at < kFailedInboundFor) status.links.push_back(failed.status);
  }
  if (collision_ && now - collision_->at < kCollisionShownFor) {
    status.name_collision = collision_->text;
    status.colliding_name = collision_->name;
  }
  return status;
}

NodeLoad Node::Core::load() const {
  NodeLoad load{.links = links_.size(),
                .connections = table_.size(),
                .peers = topology.peers().size(),
                .discovered = discovered_.size(),
                .candidates = connector.candidate_count(),
                .failed_inbound = failed_inbound_.size(),
                .relays = relays_.size(),
                .own_news = own_update_about_.size(),
                .remembered = remembered_.size(),
                .digests = surrogates_.size()};
  for (const auto& [id, link] : links_) {
    load.pending_news = std::max(load.pending_news, link.sender.pending_kinds());
    load.unsent_bytes = std::max(load.unsent_bytes, link.unsent);
  }
  return load;
}

LinkStatus Node::Core::link_status(const PeerLink& link) const {
  return {.link = link.id,
          .outbound = link.outbound,
          .address = link.remote,
          .state = link.established ? LinkState::established : LinkState::pending,
          .peer = link.theirs->name,
          .nickname = link.theirs->nickname,
          .encrypted = link.overlay_encrypted};
}

}  // namespace weft::gossip
