// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/report_json.h"

#include "base/json/json.h"
#include "router/daemon/ipam_words.h"
#include "router/daemon/link_words.h"
#include "router/daemon/words.h"

namespace weft::daemon {
namespace {

using Json = nlohmann::ordered_json;

// Go prints a list that was never filled as null, and readers of Weave's report know that.
Json null_if_empty(const Json& list) {
  return list.empty() ? Json() : list;
}

Json strings(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& text : texts)
    out.push_back(text);
  return out;
}

Json version_check() {
  return {{"Enabled", false},
          {"Success", false},
          {"NewVersion", ""},
          {"NextCheckAt", "0001-01-01T00:00:00Z"}};
}

Json peers(const gossip::MeshStatus& mesh) {
  Json out = Json::array();
  for (const gossip::PeerStatus& peer : mesh.peers) {
    Json connections = Json::array();
    for (const gossip::ConnectionSummary& c : peer.connections) {
      connections.push_back({{"Name", c.peer.text()},
                             {"NickName", c.nickname},
                             {"Address", c.address},
                             {"Outbound", c.outbound},
                             {"Established", c.established}});
    }
    out.push_back({{"Name", peer.name.text()},
                   {"NickName", peer.nickname},
                   {"UID", peer.uid.value},
                   {"ShortID", peer.short_id ? peer.short_id->value() : 0},
                   {"Version", peer.version},
                   {"Connections", null_if_empty(connections)}});
  }
  return null_if_empty(out);
}

Json unicast_routes(const Snapshot& snapshot) {
  Json out = Json::array();
  for (const auto& [destination, via] : snapshot.unicast_routes) {
    out.push_back({{"Dest", destination.text()}, {"Via", via.text()}});
  }
  return null_if_empty(out);
}

Json broadcast_routes(const Snapshot& snapshot) {
  Json out = Json::array();
  for (const auto& [source, hops] : snapshot.broadcast_routes) {
    Json via = Json::array();
    for (PeerName hop : hops)
      via.push_back(hop.text());
    out.push_back({{"Source", source.text()}, {"Via", null_if_empty(via)}});
  }
  return null_if_empty(out);
}

Json attributes(const LinkWords& words) {
  if (!words.live || words.overlay == "none") return nullptr;
  Json out = Json::object();
  if (words.encrypted) out["encrypted"] = true;
  if (words.mtu) out["mtu"] = *words.mtu;
  out["name"] = words.overlay;
  if (!words.cipher.empty()) out["cipher"] = words.cipher;
  if (words.epoch) out["epoch"] = *words.epoch;
  if (words.key_age) out["keyAgeSeconds"] = words.key_age->count();
  if (words.one_source_port) out["oneSourcePort"] = true;
  if (!words.fallback.empty()) out["fallback"] = words.fallback;
  return out;
}

Json connections(const Snapshot& snapshot) {
  Json out = Json::array();
  for (const gossip::LinkStatus& link : snapshot.mesh.links) {
    const LinkWords words = describe(snapshot, link);
    out.push_back({{"Address", address_text(link)},
                   {"Outbound", link.outbound},
                   {"State", std::string(to_string(link.state))},
                   {"Info", words.info},
                   {"Attrs", attributes(words)},
                   {"Peer", link.peer.known() ? link.peer.text() : ""},
                   {"NickName", link.nickname},
                   {"Reason", words.reason}});
  }
  return null_if_empty(out);
}

Json overlay_diagnostics(const Snapshot& snapshot) {
  Json out = {{"sleeve", nullptr}};
  for (const auto& [link, overlay] : snapshot.overlays) {
    if (!overlay.overlay.empty() && overlay.overlay != "none") out[overlay.overlay] = nullptr;
  }
  return out;
}

Json capture_stats(const CaptureStatus& capture) {
  return {{"PacketsDropped", capture.packets_dropped},
          {"PacketsIfDropped", capture.packets_if_dropped},
          {"PacketsReceived", capture.packets_received}};
}

Json macs(const Snapshot& snapshot) {
  std::map<PeerName, std::string> nicknames;
  for (const gossip::PeerStatus& peer : snapshot.mesh.peers)
    nicknames[peer.name] = peer.nickname;
  Json out = Json::array();
  for (const dataplane::MacStatus& mac : snapshot.macs) {
    const auto nickname = nicknames.find(mac.peer);
    out.push_back({{"Mac", mac.mac.text()},
                   {"Name", mac.peer.text()},
                   {"NickName", nickname == nicknames.end() ? "" : nickname->second},
                   {"LastSeen", rfc3339(snapshot.wall.wall(mac.last_seen))}});
  }
  return null_if_empty(out);
}

Json trusted_subnets(const gossip::MeshStatus& mesh) {
  Json out = Json::array();
  for (Cidr cidr : mesh.trusted_subnets)
    out.push_back(cidr.text());
  return out;
}

Json router(const Snapshot& snapshot) {
  const gossip::MeshStatus& mesh = snapshot.mesh;
  return {{"Protocol", "weave"},
          {"ProtocolMinVersion", 2},
          {"ProtocolMaxVersion", 2},
          {"Encryption", mesh.encrypted},
          {"PeerDiscovery", mesh.discovery},
          {"Name", mesh.name.text()},
          {"NickName", mesh.nickname},
          {"Port", mesh.port},
          {"Peers", peers(mesh)},
          {"UnicastRoutes", unicast_routes(snapshot)},
          {"BroadcastRoutes", broadcast_routes(snapshot)},
          {"Connections", connections(snapshot)},
          {"TerminationCount", mesh.termination_count},
          {"Targets", null_if_empty(strings(mesh.targets))},
          {"OverlayDiagnostics", overlay_diagnostics(snapshot)},
          {"TrustedSubnets", trusted_subnets(mesh)},
          {"Interface", snapshot.capture.interface},
          {"CaptureStats", capture_stats(snapshot.capture)},
          {"ForwardingAcceptedIn", strings(snapshot.forwarding_accepted_in)},
          {"MACs", macs(snapshot)}};
}

Json paxos(const ipam::AllocatorStatus& status) {
  if (!status.paxos) return nullptr;
  return {{"Elector", status.paxos->elector},
          {"KnownNodes", status.paxos->known_nodes},
          {"Quorum", status.paxos->quorum}};
}

Json ipam(const ipam::AllocatorStatus& status) {
  Json entries = Json::array();
  for (const ipam::RingEntryStatus& e : status.entries) {
    entries.push_back({{"Token", e.token.text()},
                       {"Size", e.size},
                       {"Peer", e.peer.text()},
                       {"Nickname", e.nickname},
                       {"IsKnownPeer", e.known_peer},
                       {"Version", e.version}});
  }
  Json claims = Json::array();
  for (const ipam::PendingStatus& pending : status.pending_claims) {
    claims.push_back({{"Ident", pending.ident}, {"CIDR", pending.what}});
  }
  Json allocates = Json::array();
  for (const ipam::PendingStatus& pending : status.pending_allocates) {
    allocates.push_back(pending.ident + " " + pending.what);
  }
  return {{"Paxos", paxos(status)},
          {"Range", range_text(status)},
          {"RangeNumIPs", status.universe_size},
          {"ActiveIPs", status.active},
          {"DefaultSubnet", status.default_subnet},
          {"Entries", null_if_empty(entries)},
          {"PendingClaims", null_if_empty(claims)},
          {"PendingAllocates", null_if_empty(allocates)}};
}

Json connection_counts(const gossip::MeshStatus& mesh) {
  Json out = Json::object();
  for (const gossip::LinkStatus& link : mesh.links) {
    Json& count = out[std::string(to_string(link.state))];
    count = count.is_null() ? 1 : count.get<std::uint64_t>() + 1;
  }
  return out;
}

}  // namespace

Json report(const Snapshot& snapshot) {
  Json out = {{"Ready", snapshot.ready},
              {"Version", snapshot.version},
              {"VersionCheck", version_check()},
              {"Router", router(snapshot)}};
  if (snapshot.ipam) out["IPAM"] = ipam(*snapshot.ipam);
  out["Degraded"] = strings(snapshot.degraded);
  return out;
}

Json overview(const Snapshot& snapshot) {
  const gossip::MeshStatus& mesh = snapshot.mesh;
  Json out = {{"Ready", snapshot.ready},
              {"Version", snapshot.version},
              {"Router",
               {{"Protocol", "weave 2"},
                {"Name", mesh.name.text()},
                {"NickName", mesh.nickname},
                {"Encryption", mesh.encrypted},
                {"PeerDiscovery", mesh.discovery},
                {"Targets", mesh.targets.size()},
                {"Connections", mesh.links.size()},
                {"ConnectionStates", connection_counts(mesh)},
                {"Peers", mesh.peers.size()},
                {"TrustedSubnets", trusted_subnets(mesh)}}}};
  if (snapshot.ipam) {
    out["IPAM"] = {{"Status", ipam_state(*snapshot.ipam)},
                   {"Range", range_text(*snapshot.ipam)},
                   {"DefaultSubnet", snapshot.ipam->default_subnet},
                   {"ActiveIPs", snapshot.ipam->active}};
  }
  out["Degraded"] = strings(snapshot.degraded);
  return out;
}

std::string json_text(const Json& json) {
  return json.dump(4, ' ', false, Json::error_handler_t::replace);
}

std::string compact_json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weft::daemon
