// SPDX-License-Identifier: Apache-2.0
// The texts of GET /status and its parts, in Weave's layout to the byte, since runbooks grep them;
// docs/wire/http-api.md lists what differs. Functions of the snapshot alone.
#pragma once

#include <string>

#include "router/daemon/snapshot.h"

namespace weft::daemon {

std::string status_overview(const Snapshot& snapshot);
std::string status_connections(const Snapshot& snapshot);
std::string status_peers(const Snapshot& snapshot);
std::string status_targets(const Snapshot& snapshot);
std::string status_ipam(const Snapshot& snapshot);  // empty when IPAM is off

}  // namespace weft::daemon
