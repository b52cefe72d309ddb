// SPDX-License-Identifier: Apache-2.0
// What the agent's machines ask of the world, as values, to be carried out in order.
#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/log.h"
#include "base/peer_name.h"
#include "plugin/kube/core/http.h"
#include "plugin/kube/core/json_text.h"

namespace weft::kube {

// What a ListWatch follows.
enum class Resource : std::uint8_t { nodes, network_policies };
std::string_view to_string(Resource resource);

// The copy of the server's objects changed. Objects are whole, as the server wrote them.
struct Upsert {
  Resource resource = Resource::nodes;
  std::string key;  // ObjectMeta::key
  Json object;
};
struct Deleted {
  Resource resource = Resource::nodes;
  std::string key;
};
// All that the server had when it was asked is known: only now may absence be believed.
struct Synced {
  Resource resource = Resource::nodes;
};

// To the daemon: POST /connect with one `peer` each; `replace`: these and no others.
// Answer with Peers::on_told.
struct Connect {
  std::vector<std::string> peers;
  bool replace = false;
};
// To the daemon: POST /forget with one `peer` each. Answer with Peers::on_told.
struct Forget {
  std::vector<std::string> peers;
};

// To the daemon: DELETE /peer/NAME. Answer with Reclaim::on_peer_removed.
struct RemovePeer {
  PeerName peer;
};
// To the daemon: GET /report. Answer with on_report.
struct WantReport {};
// This peer stands in the list of peers of the ConfigMap with that UID: keep it on disk, for
// Seed::Stored at the next start.
struct StoreListed {
  std::string config_map_uid;
};

// How the daemon is to start; once for each Seed.
struct SeedDecided {
  std::string ipalloc_init;  // value of --ipalloc-init
  // Others took this peer's addresses while it was away: its stored ring and addresses must go
  // before the daemon starts.
  bool discard_state = false;
  // Weave ran this mesh before: keep it on disk, for Seed::Stored at the next start.
  bool from_weave = false;
  std::string reason;  // for the log
};

// What an operator must know, once: a warning for the node's Events. The log has it already.
struct Tell {
  std::string reason;  // EventText::reason
  std::string text;
};

using Effect = std::variant<Send, Cancel, Upsert, Deleted, Synced, Connect, Forget, RemovePeer,
                            WantReport, StoreListed, SeedDecided, Tell, LogLine>;
using Effects = std::vector<Effect>;

}  // namespace weft::kube
