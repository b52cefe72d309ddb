// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/mesh_report.h"

#include <algorithm>

namespace weft::kube {

namespace {

// Peers of a list of objects that each name one under `name_field`.
Result<> read_peers(const Json& object, const char* list, const char* name_field,
                    const char* nickname_field, std::map<PeerName, std::string>& into) {
  const Json* entries = member(object, list);
  if (entries == nullptr) return {};  // Go writes an empty list as null
  if (!entries->is_array()) return Error{Errc::bad_value, 0, "the report has no list of peers"};
  for (const Json& entry : *entries) {
    const auto name = PeerName::parse(text_of(entry, name_field));
    if (!name) return Error{Errc::bad_value, 0, "the report names a peer that is none"};
    if (into.size() >= kReportPeersMax) return Error{Errc::too_large, 0, "the report is too long"};
    std::string& nickname = into[*name];
    if (nickname.empty()) nickname = text_of(entry, nickname_field);
  }
  return {};
}

std::vector<std::string> read_sentences(const Json& report) {
  std::vector<std::string> out;
  const Json* list = member(report, "Degraded");
  if (list == nullptr || !list->is_array()) return out;  // Weave has none
  for (const Json& sentence : *list) {
    if (out.size() == kReportSentencesMax) break;
    if (sentence.is_string()) out.push_back(sentence.get<std::string>());
  }
  return out;
}

std::string host_of(PeerName peer, const std::string& nickname, const PeerList& list) {
  const ListedPeer* listed = list.find(peer.text());
  return listed != nullptr && !listed->node_name.empty() ? listed->node_name : nickname;
}

}  // namespace

Result<MeshReport> parse_report(std::string_view text) {
  auto json = parse_object(text, kReportTextMax);
  if (!json) return json.error();
  MeshReport report;
  const Json* router = member(*json, "Router");
  const auto own = router == nullptr ? std::nullopt : PeerName::parse(text_of(*router, "Name"));
  if (!own) return Error{Errc::bad_value, 0, "the report has no Router.Name"};
  report.own = *own;
  if (auto ok = read_peers(*router, "Peers", "Name", "NickName", report.alive); !ok) {
    return ok.error();
  }
  report.alive.emplace(*own, text_of(*router, "NickName"));
  if (const Json* ipam = member(*json, "IPAM")) {
    if (auto ok = read_peers(*ipam, "Entries", "Peer", "Nickname", report.owners); !ok) {
      return ok.error();
    }
  }
  report.degraded = read_sentences(*json);
  return report;
}

std::map<PeerName, Departed> departed_peers(const MeshReport& report, const PeerList& list,
                                            const std::set<std::string>& nodes) {
  std::set<std::string> served;  // nodes on which a peer of the mesh runs
  for (const auto& [peer, nickname] : report.alive)
    served.insert(host_of(peer, nickname, list));
  const bool all_served = std::includes(served.begin(), served.end(), nodes.begin(), nodes.end());
  std::map<PeerName, Departed> out;
  auto consider = [&](PeerName peer, const std::string& nickname, bool owns_space) {
    const bool alive = report.alive.contains(peer);
    const std::string host = host_of(peer, nickname, list);
    // The nickname speaks too, if it says otherwise than the list: rather too late than too early.
    const bool exists = nodes.contains(host) || nodes.contains(nickname);
    const bool replaced = !alive && nodes.contains(host) && served.contains(host);
    const bool gone = host.empty() ? !alive && all_served : !exists || replaced;
    if (!gone || peer == report.own) return;
    out[peer] = {.host = host,
                 .alive = alive,
                 .replaced = replaced,
                 .owns_space = owns_space,
                 .listed = list.contains(peer.text())};
  };
  for (const auto& [peer, nickname] : report.owners)
    consider(peer, nickname, true);
  for (const ListedPeer& listed : list.peers) {
    auto peer = PeerName::parse(listed.peer_name);
    if (peer && !report.owners.contains(*peer)) consider(*peer, "", false);
  }
  return out;
}

}  // namespace weft::kube
