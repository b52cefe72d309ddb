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

void add_mesh(const Snapshot& snapshot, std::vector<std::string>& out) {
  const gossip::MeshStatus& mesh = snapshot.mesh;
  if (mesh.name_collision) {
    out.push_back("another host uses our peer name " + peer_label(mesh.name, mesh.nickname) + ": " +
                  printable(*mesh.name_collision) + "; give one of the two another --name");
  }
  Kind targets(out, "direct peers cannot be reached");
  Kind pending(out, "connections carry no data yet");
  for (const gossip::LinkStatus& link : mesh.links) {
    const LinkWords words = describe(snapshot, link);
    if (words.reason.empty()) continue;
    const std::string address = link.address.text();
    if (link.state == LinkState::pending) {
      pending.add("the connection with " + peer_label(link.peer, link.nickname) + " at " + address +
                  " carries no data yet: " + words.reason);
    } else if (!link.target.empty() && !link.retry_never) {
      targets.add("direct peer " + printable(link.target) + " (" + address +
                  ") is not connected: " + words.reason);
    }
  }
}

void add_unreachable(const Snapshot& snapshot, std::vector<std::string>& out) {
  Kind kind(out, "peers that own addresses are unreachable");
  for (const Share& share : shares(*snapshot.ipam, snapshot.mesh.name)) {
    if (share.known) continue;
    kind.add(peer_label(share.peer, share.nickname) + " is unreachable and owns " +
             std::to_string(share.size) + " addresses (" +
             percent(share.size, snapshot.ipam->universe_size) +
             " of the range); if it is gone for good, run: weave rmpeer " + share.peer.text());
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
  add_unreachable(snapshot, out);
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
  if (snapshot.store_errors != 0) {
    out.push_back("state could not be written to disk " + std::to_string(snapshot.store_errors) +
                  " times; look at the log and at the disk that holds --db-prefix");
  }
  return out;
}

}  // namespace weft::daemon
