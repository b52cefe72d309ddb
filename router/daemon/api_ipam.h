// SPDX-License-Identifier: Apache-2.0
// The part of the API that concerns addresses: /ip, /ring, /ipinfo and /peer.
#pragma once

#include "router/daemon/api_call.h"

namespace weft::daemon {

std::span<const Route> ipam_routes();

}  // namespace weft::daemon
