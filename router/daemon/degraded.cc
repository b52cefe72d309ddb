// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/degraded.h"

#include "router/daemon/ipam_words.h"
#include "router/daemon/link_words.h"
#include "router/daemon/words.h"

namespace weft::daemon {
namespace {

using gossip::LinkState;

// Of each kind of fault, so many are told one by one; the rest are counted.
constexpr std::size_t kSentencesPerKindMax = 8;

// Appends sentences of one kind, and at the end how many were left out.
class Kind {
 public:
  Kind(std::vector<std::string>& out, const char* rest) : out_(out), rest_(rest) {}
  Kind(const Kind&) = delete;
  Kind& operator=(const Kind&) = delete;
  ~Kind() {
    if (count_ <= kSentencesPerKindMax) return;
    out_.push_back("and " + std::to_string(count_ - kSentencesPerKindMax) + " more " + rest_);
  }
  void add(std::string sentence) {
    if (++count_ <= kSentencesPerKindMax) out_.push_back(std::move(sentence));
  }

 private:
  std::vector<std::string>& out_;
  const char* rest_;
  std::size_t count_ = 0;
};

// Our own dial of ourselves is refused at both ends, which is no fault. While another host has our
// name too, whoever was refused under it may be that host.
bool is_self(const Snapshot& snapshot, const gossip::LinkStatus& link) {
  return link.peer == snapshot.mesh.name && snapshot.mesh.colliding_name != snapshot.mesh.name;
}

void add_mesh(const Snapshot& snapshot, std::vector<std::string>& out) {
  const gossip::MeshStatus& mesh = snapshot.mesh;
  // It may be about two other hosts: it says itself who they are, and what to do.
  if (mesh.name_collision) out.push_back(printable(*mesh.name_collision));
  Kind targets(out, "direct peers cannot be reached");
  Kind pending(out, "connections carry no data yet");
  Kind refused(out, "hosts tried to connect and were refused");
  for (const gossip::LinkStatus& link : mesh.links) {
    const LinkWords words = describe(snapshot, link);
    if (words.reason.empty()) continue;
    const std::string address = address_text(link);
    if (link.state == LinkState::pending) {
      pending.add("the connection with " + peer_label(link.peer, link.nickname) + " at " + address +
                  " carries no data yet: " + words.reason);
    } else if (!link.target.empty() && !link.retry_never) {
      const std::string target = printable(link.target);
      targets.add("direct peer " + target + (target == address ? "" : " (" + address + ")") +
                  " is not connected: " + words.reason);
    } else if (!link.outbound && !is_self(snapshot, link)) {
      refused.add("a connection from " + link.address.ip.text() + " was refused: " + words.reason);
    }
  }
}

void add_unreachable(const Snapshot& snapshot, std::vector<std::string>& out) {
  Kind kind(out, "peers that own addresses are unreachable");
  for (const Share& share : shares(*snapshot.ipam, snapshot.mesh.name)) {
    if (share.known) continue;
    // After a restart nobody has told us the nickname.
    const std::string label =
        share.nickname.empty() ? share.peer.text() : peer_label(share.peer, share.nickname);
    kind.add(label + " is unreachable and owns " + std::to_string(share.size) + " addresses (" +
             percent(share.size, snapshot.ipam->universe_size) +
             " of the range); if it is gone for good, run: weave rmpeer " + share.peer.text());
  }
}

// Addresses in use here whose range is another peer's by now.
void add_strays(const Snapshot& snapshot, std::vector<std::string>& out) {
  Kind kind(out, "addresses are held though others own them");
  for (const ipam::StrayStatus& stray : snapshot.ipam->strays) {
    kind.add(printable(stray.ident) + " holds " + stray.address.text() + ", which " +
             (stray.owner ? stray.owner->text() : "nobody") +
             " owns and may give to another container; restart " + printable(stray.ident) +
             " to get an address of our own");
  }
}

void add_ipam(const Snapshot& snapshot, std::vector<std::string>& out) {
  const ipam::AllocatorStatus& ipam = *snapshot.ipam;
  if (ipam.shut_down) {
    out.emplace_back("IPAM has given its addresses away (weave reset); restart weaver to use it");
  }
  if (ipam.paxos) {
    out.push_back("no address can be given before the peers agree on the ring: " +
                  ipam_state(ipam) + "; start the other peers, or correct --ipalloc-init");
  }
  Kind rings(out, "peers have rings of other seeds");
  for (const ipam::SeedConflictStatus& conflict : seed_conflicts(ipam, snapshot.now))
    rings.add(seed_conflict_text(conflict));
  add_unreachable(snapshot, out);
  add_strays(snapshot, out);
  Kind allocates(out, "requests wait for an address");
  for (const ipam::PendingStatus& pending : ipam.pending_allocates) {
    allocates.add(printable(pending.ident) + " waits for an address in " + pending.what +
                  (pending.reason.empty() ? "" : ": " + printable(pending.reason)));
  }
  Kind claims(out, "claims wait");
  for (const ipam::PendingStatus& pending : ipam.pending_claims) {
    claims.add(printable(pending.ident) + " waits to claim " + pending.what +
               (pending.reason.empty() ? "" : ": " + printable(pending.reason)));
  }
}

}  // namespace

std::vector<std::string> degraded(const Snapshot& snapshot) {
  std::vector<std::string> out;
  add_mesh(snapshot, out);
  if (snapshot.ipam) add_ipam(snapshot, out);
  if (!snapshot.capture.lost.empty()) {
    out.push_back("pods are cut off: frames can no longer be read from " + snapshot.capture.lost +
                  "; restart weaver");
  }
  for (const std::string& problem : snapshot.forwarding_problems) {
    out.push_back("another firewall may drop what pods send and get: " + problem);
  }
  if (snapshot.forwarding_off) {
    out.emplace_back(
        "net.ipv4.ip_forward is 0, so pods reach nothing outside the mesh; run: sysctl -w "
        "net.ipv4.ip_forward=1, and put it into /etc/sysctl.d");
  }
  out.insert(out.end(), snapshot.range_overlaps.begin(), snapshot.range_overlaps.end());
  if (!snapshot.capture.why_no_tap.empty()) {
    out.push_back("frames are taken by libpcap, and swift is off, for there is no TAP device: " +
                  snapshot.capture.why_no_tap + "; --capture=pcap if that is as it should be");
  }
  out.insert(out.end(), snapshot.notices.begin(), snapshot.notices.end());
  return out;
}

}  // namespace weft::daemon
