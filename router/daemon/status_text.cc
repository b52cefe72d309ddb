// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/status_text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/text.h"
#include "router/daemon/ipam_words.h"
#include "router/daemon/link_words.h"
#include "router/daemon/words.h"

namespace weft::daemon {
namespace {

using gossip::LinkState;

// The columns that Weave's texts stand in, in characters.
constexpr std::size_t kLabelWidth = 15;  // before the colon of the overview
constexpr std::size_t kAddressWidth = 21;
constexpr std::size_t kStateWidth = 11;
constexpr std::size_t kPeerWidth = 37;

std::string labelled(std::string_view label, std::string_view value) {
  std::string out(kLabelWidth - std::min(kLabelWidth, label.size()), ' ');
  return out.append(label).append(": ").append(value).append("\n");
}

std::string cidr_list(const std::vector<Cidr>& cidrs) {
  std::vector<std::string> texts;
  texts.reserve(cidrs.size());
  for (Cidr cidr : cidrs)
    texts.push_back(cidr.text());
  return texts.empty() ? "none" : join(texts, ", ");
}

// "3 (2 established, 1 failed)"; only the states that occur, in Weave's order.
std::string connection_counts(const std::vector<gossip::LinkStatus>& links) {
  constexpr std::array kOrder{LinkState::established, LinkState::pending,    LinkState::retrying,
                              LinkState::failed,      LinkState::connecting, LinkState::waiting};
  std::vector<std::string> parts;
  for (LinkState state : kOrder) {
    std::size_t count = 0;
    for (const gossip::LinkStatus& link : links)
      count += link.state == state ? 1 : 0;
    if (count != 0) parts.push_back(std::to_string(count) + " " + std::string(to_string(state)));
  }
  const std::string total = std::to_string(links.size());
  return parts.empty() ? total : total + " (" + join(parts, ", ") + ")";
}

std::string peer_counts(const std::vector<gossip::PeerStatus>& peers) {
  std::size_t established = 0;
  std::size_t pending = 0;
  for (const gossip::PeerStatus& peer : peers) {
    for (const gossip::ConnectionSummary& connection : peer.connections) {
      ++(connection.established ? established : pending);
    }
  }
  std::vector<std::string> parts;
  if (established != 0) parts.push_back(std::to_string(established) + " established");
  if (pending != 0) parts.push_back(std::to_string(pending) + " pending");
  const std::string total = std::to_string(peers.size());
  return parts.empty() ? total : total + " (with " + join(parts, ", ") + " connections)";
}

std::string router_section(const Snapshot& snapshot) {
  const gossip::MeshStatus& mesh = snapshot.mesh;
  const std::vector<std::string>& others = snapshot.forwarding_accepted_in;
  return labelled("Service", "router") + labelled("Protocol", "weave 2") +
         labelled("Name", peer_label(mesh.name, mesh.nickname)) +
         labelled("Encryption", mesh.encrypted ? "enabled" : "disabled") +
         labelled("PeerDiscovery", mesh.discovery ? "enabled" : "disabled") +
         labelled("Targets", std::to_string(mesh.targets.size())) +
         labelled("Connections", connection_counts(mesh.links)) +
         labelled("Peers", peer_counts(mesh.peers)) +
         labelled("TrustedSubnets", cidr_list(mesh.trusted_subnets)) +
         (others.empty() ? "" : labelled("Forwarding", "accepted in " + join(others, ", ")));
}

std::string capture_line(const CaptureStatus& capture) {
  if (!capture.ours) return "";
  const std::string& why = capture.why_no_tap;
  return labelled("Capture", capture.interface + (why.empty() ? "" : ", no TAP device: " + why));
}

std::string attributes(const LinkWords& words) {
  if (!words.live || words.overlay == "none") return "";
  std::vector<std::string> parts;
  if (words.encrypted) parts.emplace_back("encrypted=true");
  if (words.mtu) parts.push_back("mtu=" + std::to_string(*words.mtu));
  if (!words.cipher.empty()) parts.push_back("cipher=" + words.cipher);
  if (words.epoch) parts.push_back("epoch=" + std::to_string(*words.epoch));
  if (words.key_age) parts.push_back("key-age=" + std::to_string(words.key_age->count()) + "s");
  if (words.one_source_port) parts.emplace_back("one-source-port");
  return join(parts, " ");
}

std::string arrow(bool outbound) {
  return outbound ? "-> " : "<- ";
}

}  // namespace

std::string status_overview(const Snapshot& snapshot) {
  std::string out = labelled("Version", snapshot.version + " (version check update disabled)");
  out += "\n" + router_section(snapshot) + capture_line(snapshot.capture);
  if (snapshot.ipam) {
    out += "\n" + labelled("Service", "ipam") + labelled("Status", ipam_state(*snapshot.ipam)) +
           labelled("Range", range_text(*snapshot.ipam)) +
           labelled("DefaultSubnet", snapshot.ipam->default_subnet);
  }
  if (!snapshot.degraded.empty()) out += "\n";
  for (const std::string& sentence : snapshot.degraded)
    out += labelled("Degraded", sentence);
  return out;
}

std::string status_connections(const Snapshot& snapshot) {
  std::string out;
  for (const gossip::LinkStatus& link : snapshot.mesh.links) {
    const LinkWords words = describe(snapshot, link);
    out += arrow(link.outbound) + pad_right(address_text(link), kAddressWidth) + " " +
           pad_right(to_string(link.state), kStateWidth) + " " + words.info + " " +
           attributes(words) + "\n";
  }
  return out;
}

std::string status_peers(const Snapshot& snapshot) {
  std::string out;
  for (const gossip::PeerStatus& peer : snapshot.mesh.peers) {
    out += peer_label(peer.name, peer.nickname) + "\n";
    for (const gossip::ConnectionSummary& connection : peer.connections) {
      const std::string label = peer_label(connection.peer, connection.nickname);
      out += "   " + arrow(connection.outbound) +
             pad_right(printable(connection.address), kAddressWidth) + " " +
             pad_right(label, kPeerWidth) + " " +
             (connection.established ? "established" : "pending") + "\n";
    }
  }
  return out;
}

std::string status_targets(const Snapshot& snapshot) {
  std::string out;
  for (const std::string& target : snapshot.mesh.targets)
    out += printable(target) + "\n";
  return out;
}

std::string status_ipam(const Snapshot& snapshot) {
  if (!snapshot.ipam) return "";
  std::string out;
  for (const Share& share : shares(*snapshot.ipam, snapshot.mesh.name)) {
    std::string note = share.known ? "" : "- unreachable!";
    if (share.peer == snapshot.mesh.name) {
      note = "(" + std::to_string(snapshot.ipam->active) + " active)";
    }
    char count[32];
    std::snprintf(count, sizeof count, "%8llu", static_cast<unsigned long long>(share.size));
    out += pad_right(peer_label(share.peer, share.nickname), kPeerWidth) + " " + count + " IPs (" +
           percent(share.size, snapshot.ipam->universe_size) + " of total) " + note + "\n";
  }
  return out;
}

}  // namespace weft::daemon
