// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/link_words.h"

#include "router/daemon/words.h"

namespace weft::daemon {
namespace {

using gossip::LinkState;

// What to do about a dial that failed, for the failures everybody meets. Nothing if the error says
// itself which port it is about.
std::string cure(const std::string& error, const gossip::LinkStatus& link) {
  const Endpoint to = link.address;
  if (!link.outbound || to.ip == Ipv4Addr{}) return "";
  if (error.find("TCP ") != error.npos || error.find("UDP ") != error.npos) return "";
  const std::string port = std::to_string(to.port);
  if (mentions(error, "refused")) {
    return "nothing listens there: is weaver running on " + to.ip.text() + ", and is TCP " + port +
           " its port?";
  }
  if (mentions(error, "timed out") || mentions(error, "timeout")) {
    return "no answer: is the host up, and does its firewall admit TCP " + port + " from here?";
  }
  if (mentions(error, "unreachable") || mentions(error, "no route")) {
    return "look at this host's routes and at firewalls on the way to TCP " + port;
  }
  return "";
}

std::string reason_of(const gossip::LinkStatus& link) {
  if (link.error.empty()) return "";
  const std::string error = printable(link.error);
  const std::string hint = cure(error, link);
  return hint.empty() ? error : error + " (" + hint + ")";
}

std::string retry_text(const Snapshot& snapshot, const gossip::LinkStatus& link) {
  if (link.retry_never || !link.retry) return "never";
  return go_time(snapshot.wall.wall(*link.retry));
}

void describe_swift(const Snapshot& snapshot, const gossip::LinkStatus& link,
                    const dataplane::LinkOverlayStatus& overlay, LinkWords& out) {
  if (!overlay.swift) return;
  const swift::TunnelStatus& swift = *overlay.swift;
  if (overlay.overlay == "swift") {
    if (swift.aead) out.cipher = crypto::to_string(swift.aead->cipher);
    out.epoch = swift.epoch;
    out.one_source_port = swift.one_source_port;
    if (swift.keys_since) {
      out.key_age =
          std::chrono::duration_cast<std::chrono::seconds>(snapshot.now - *swift.keys_since);
    }
    return;
  }
  if (link.state != LinkState::established || swift.trouble.empty()) return;
  out.fallback = "not by swift: " + printable(swift.trouble);
  if (swift.retry) out.fallback += ", retry: " + go_time(snapshot.wall.wall(*swift.retry));
}

void describe_live(const Snapshot& snapshot, const gossip::LinkStatus& link, LinkWords& out) {
  out.live = true;
  out.overlay = "none";
  if (link.link) {
    if (auto found = snapshot.overlays.find(*link.link); found != snapshot.overlays.end()) {
      const dataplane::LinkOverlayStatus& overlay = found->second;
      if (!overlay.overlay.empty()) out.overlay = overlay.overlay;
      out.encrypted = overlay.encrypted;
      out.mtu = overlay.mtu;
      if (link.state == LinkState::pending) out.reason = printable(overlay.waiting_for);
      describe_swift(snapshot, link, overlay, out);
    }
  }
  if (snapshot.mesh.encrypted) {
    out.info = pad_right(link.encrypted ? "encrypted" : "unencrypted", 11) + " ";
  }
  out.info += pad_right(out.overlay, 6) + " " + peer_label(link.peer, link.nickname);
  if (link.state == LinkState::pending && out.reason.empty()) out.reason = reason_of(link);
  if (!out.reason.empty()) out.info += ", " + out.reason;
  if (!out.fallback.empty()) out.info += ", " + out.fallback;
}

}  // namespace

std::string address_text(const gossip::LinkStatus& link) {
  const bool unresolved = link.address.ip == Ipv4Addr{} && !link.target.empty();
  return unresolved ? printable(link.target) : link.address.text();
}

LinkWords describe(const Snapshot& snapshot, const gossip::LinkStatus& link) {
  LinkWords out;
  if (link.state == LinkState::established || link.state == LinkState::pending) {
    describe_live(snapshot, link, out);
    return out;
  }
  out.reason = reason_of(link);
  switch (link.state) {
    case LinkState::established:
    case LinkState::pending:
      break;
    case LinkState::waiting:
      out.info = out.reason.empty() ? "" : out.reason + ", ";
      out.info += "until: " + retry_text(snapshot, link);
      break;
    case LinkState::failed:
      out.info = out.reason;
      // Whoever failed to connect to us decides alone when to try again.
      if (link.outbound || link.retry) out.info += ", retry: " + retry_text(snapshot, link);
      break;
    case LinkState::connecting:
    case LinkState::retrying:
      out.info = out.reason;
      break;
  }
  return out;
}

}  // namespace weft::daemon
