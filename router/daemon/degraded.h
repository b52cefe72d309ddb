// SPDX-License-Identifier: Apache-2.0
// What is wrong now, in sentences that name the cure. An operator who sees none may go home.
#pragma once

#include <string>
#include <vector>

#include "router/daemon/snapshot.h"

namespace weft::daemon {

// Looks at everything in the snapshot but its own `degraded`. The number of sentences is bounded.
std::vector<std::string> degraded(const Snapshot& snapshot);

}  // namespace weft::daemon
