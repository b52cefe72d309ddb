// SPDX-License-Identifier: Apache-2.0
// What the agent takes from the daemon's GET /report, and who of the owners of addresses is gone
// for good.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/peer_name.h"
#include "plugin/kube/core/peer_list.h"

namespace weft::kube {

// The report of a mesh of a thousand peers is a few megabytes: each lists its connections.
inline constexpr std::size_t kReportTextMax = std::size_t{64} * 1024 * 1024;
inline constexpr std::size_t kReportPeersMax = 100'000;
// weaver keeps to a few of each kind.
inline constexpr std::size_t kReportSentencesMax = 200;

struct MeshReport {
  PeerName own;
  std::map<PeerName, std::string> alive;   // peers of the mesh, with us, and their nicknames
  std::map<PeerName, std::string> owners;  // who owns a part of the ring, and their nicknames
  std::vector<std::string> degraded;       // what is wrong, in sentences

  bool ring_known() const { return !owners.empty(); }
};
Result<MeshReport> parse_report(std::string_view text);

// A peer whose host is no node of the cluster any more.
struct Departed {
  std::string host;         // its node's name; empty: not known
  bool alive = false;       // in the mesh all the same: nothing is taken from it
  bool replaced = false;    // the node exists, and another peer runs on it
  bool owns_space = false;  // else only its entry in the list of peers is left
  bool listed = false;      // in the list of peers
  friend bool operator==(const Departed&, const Departed&) = default;
};
// Owners and listed peers, minus those whose node exists. A dead peer whose host nobody knows may
// be of any node that has no peer; it has departed when there is no such node.
std::map<PeerName, Departed> departed_peers(const MeshReport& report, const PeerList& list,
                                            const std::set<std::string>& nodes);

}  // namespace weft::kube
