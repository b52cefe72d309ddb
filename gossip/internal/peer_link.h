// SPDX-License-Identifier: Apache-2.0
// What the node keeps about one link, from the decision to dial (or the accept) to its end.
#pragma once

#include <optional>
#include <string>

#include "gossip/intro.h"
#include "gossip/link.h"
#include "gossip/link_id.h"
#include "gossip/sender.h"

namespace weft::gossip {

struct PeerLink {
  LinkId id;
  bool outbound = false;
  Endpoint local;
  Endpoint remote;
  // A discovered address must lead to a peer we have heard of; others may bring a stranger.
  bool accept_new = true;
  bool we_trust = false;         // the remote address lies in a trusted subnet
  std::uint64_t conn_id = 0;     // ours
  std::optional<Link> stream{};  // none while dialling

  // From the introduction on.
  std::optional<Introduction> theirs{};
  std::uint64_t conn_uid = 0;
  bool ready = false;  // in the connection table
  bool established = false;
  bool overlay_encrypted = false;
  bool delta = false;  // both ends speak delta gossip
  TimePoint ready_since{};

  Sender sender{};
  bool draining = false;   // gossip waits for on_drained
  std::size_t unsent = 0;  // bytes handed to the driver since it was last drained
};

}  // namespace weft::gossip
