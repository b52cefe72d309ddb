// SPDX-License-Identifier: Apache-2.0
// The bridge's port through which the data plane takes frames: one of the capture pair and the TAP
// device is plugged in, never both, or every frame would be taken twice.
#pragma once

#include "router/linux/bridge_plumbing.h"

namespace weft::linux_net {

// Unplugs the other kind and plugs this one in, up and of the bridge's MTU. The pair is made where
// it is absent; the TAP device must be there (router/linux/tap.h).
Result<> settle_capture_port(Netlink& nl, CapturePort port, const Link& bridge);

}  // namespace weft::linux_net
