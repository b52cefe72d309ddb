// SPDX-License-Identifier: Apache-2.0
// What a peer shows to operators and tells its neighbours, in the form of mesh_streams.json.
#pragma once

#include <vector>

#include "router/peer/peer.h"
#include "tests/golden/recorded_streams.h"

namespace weft::golden {

// What a peer told last, until then, of its own links and of the ring.
nlohmann::json last_told(const std::vector<Said>& all, PeerName us, Millis until);

// What a daemon's report says of the mesh and the ring, in the form of the recorded ones. Weave
// tells the way of broadcasts of those sources that it has had one from.
nlohmann::json shown_of(const peer::Peer& peer, const nlohmann::json& sources);

}  // namespace weft::golden
