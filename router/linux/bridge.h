// SPDX-License-Identifier: Apache-2.0
// Linux bridges and their ports. STP stays off and forwarding starts at once: the overlay has no
// loops, and a pod must not wait 30 s for its port.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "router/linux/link.h"

namespace weft::linux_net {

// An existing one of that name is an error (conflict, EEXIST).
Result<Link> create_bridge(Netlink& nl, std::string_view name);
Result<std::vector<Link>> bridge_ports(Netlink& nl, IfIndex bridge);
// Whether a frame may leave by the port it came in (a pod reaching itself through a service).
Result<> set_port_hairpin(Netlink& nl, IfIndex port, bool on);
// nullopt: not a bridge port.
Result<std::optional<bool>> port_hairpin(Netlink& nl, std::string_view port);
// Waits at most `limit` until the port forwards. The kernel sees to that after the carrier is
// there, in a work queue: until then the bridge drops what comes in. False: it does not yet.
Result<bool> wait_until_forwarding(Netlink& nl, IfIndex port, std::chrono::milliseconds limit);

}  // namespace weft::linux_net
