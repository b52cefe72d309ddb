// SPDX-License-Identifier: Apache-2.0
// The part of the API that only reads: health, status, report and metrics.
#pragma once

#include "router/daemon/api_call.h"

namespace weft::daemon {

std::span<const Route> status_routes();

}  // namespace weft::daemon
