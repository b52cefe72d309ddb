// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/shown.h"

#include <algorithm>

#include "gossip/envelope_wire.h"
#include "gossip/topology_wire.h"
#include "ipam-crdt/gossip_state_wire.h"

namespace weft::golden {
namespace {

using namespace gossip;
using nlohmann::json;

json links_of(const PeerRecord& record) {
  std::vector<json> ends;
  for (const auto& c : record.connections)
    ends.push_back({c.peer.text(), c.remote_address.text(), c.outbound, c.established});
  std::sort(ends.begin(), ends.end());
  return ends;
}

// The links of peer `us`, if a message is gossip of the topology that tells of them.
std::optional<json> own_links_in(ByteView message, PeerName us) {
  if (static_cast<Tag>(message.front()) != Tag::gossip) return std::nullopt;
  auto envelope = parse_envelope(message.subspan(1));
  REQUIRE(envelope.has_value());
  if (envelope->channel != "topology") return std::nullopt;
  auto records = parse_topology(envelope->payload);
  REQUIRE(records.has_value());
  for (const auto& record : *records) {
    if (record.name == us) return links_of(record);
  }
  return std::nullopt;
}

// Tokens and owners, if a message tells of the ring.
std::optional<json> ring_in(ByteView message) {
  auto tag = static_cast<Tag>(message.front());
  if (tag != Tag::gossip && tag != Tag::gossip_broadcast) return std::nullopt;
  auto envelope = parse_envelope(message.subspan(1));
  REQUIRE(envelope.has_value());
  if (envelope->channel != "IPallocation") return std::nullopt;
  auto state = ipam::parse_state(envelope->payload);
  REQUIRE(state.has_value());
  if (!state->ring) return std::nullopt;
  json entries = json::array();
  for (const auto& entry : state->ring->entries)
    entries.push_back({entry.token.text(), entry.peer.text()});
  return entries;
}

std::vector<std::string> hops_of(const Node& node, const std::string& source) {
  std::vector<std::string> out;
  for (auto hop : node.broadcast_hops(*PeerName::parse(source)))
    out.push_back(hop.text());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

json last_told(const std::vector<Said>& all, PeerName us, Millis until) {
  json links, ring;
  for (const auto& one : all) {
    const auto* message = std::get_if<Link::Message>(&one.event);
    if (message == nullptr || one.at > until) continue;
    if (auto told = own_links_in(message->body, us)) links = *told;
    if (auto told = ring_in(message->body)) ring = *told;
  }
  return {{"links", links}, {"ring", ring}};
}

json shown_of(const peer::Peer& peer, const json& sources) {
  json out{{"peers", json::object()}, {"ring", json::array()}, {"broadcast", json::object()}};
  for (const auto& item : sources.items())
    out["broadcast"][item.key()] = hops_of(peer.node(), item.key());
  for (const auto& p : peer.node().status({}).peers) {
    std::vector<json> ends;
    for (const auto& c : p.connections)
      ends.push_back({c.peer.text(), c.address, c.outbound, c.established});
    std::sort(ends.begin(), ends.end());
    out["peers"][p.name.text()] = {
        {"nickname", p.nickname}, {"uid", p.uid.value}, {"connections", ends}};
  }
  for (const auto& [destination, via] : peer.node().unicast_routes())
    out["unicast"][destination.text()] = via.text();
  auto ipam = peer.allocator()->status();
  out["active"] = ipam.active;
  for (const auto& entry : ipam.entries)
    out["ring"].push_back({entry.token.text(), entry.size, entry.peer.text()});
  return out;
}

}  // namespace weft::golden
