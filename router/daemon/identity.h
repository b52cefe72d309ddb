// SPDX-License-Identifier: Apache-2.0
// Which name this peer goes by: given, else stored, else what Weave stored or its bridge says, else
// random. Chosen once and then stored; never derived from the machine-id, which cloned machines
// share.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "base/mac.h"
#include "base/peer_name.h"
#include "base/rng.h"

namespace weft::daemon {

enum class NameSource { given, stored, weave, bridge, random };
std::string_view to_string(NameSource source);

struct Identity {
  PeerName name;
  NameSource source = NameSource::random;
};

struct NameCandidates {
  std::optional<PeerName> given;        // --name
  std::optional<PeerName> stored;       // of an earlier run
  std::optional<PeerName> weave;        // in the database that Weave left
  std::optional<MacAddr> weave_bridge;  // of a bridge that Weave made
};

// Error for a name with the group bit, or of zeros, wherever it comes from.
Result<Identity> choose_identity(const NameCandidates& candidates, Rng& rng);

}  // namespace weft::daemon
