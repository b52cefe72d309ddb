// SPDX-License-Identifier: Apache-2.0
// What the packet workers have counted, under the names that operators see.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "router/dataplane/dataplane.h"
#include "router/swift/worker_link.h"

namespace weft::daemon {

using NamedCounts = std::vector<std::pair<const char*, std::uint64_t>>;

// What a worker did, and what it dropped, by reason.
NamedCounts worker_actions(const swift::WorkerCounters& worker);
NamedCounts worker_drops(const swift::WorkerCounters& worker);

// Adds what the workers did with frames and datagrams to what the control thread did. Frames that
// they handed to it, or got from it, count once.
void add_workers(const std::vector<swift::WorkerCounters>& workers, dataplane::Counters& counters);

}  // namespace weft::daemon
