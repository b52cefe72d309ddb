// SPDX-License-Identifier: Apache-2.0
// Kernel settings of the interfaces that we make.
#pragma once

#include <string_view>

#include "base/result.h"

namespace weft::linux_net {

// Before a link goes up: a neighbour on the overlay must not give it IPv6 routes.
Result<> refuse_router_advertisements(std::string_view link);
// Notice within seconds that an address has moved to another pod.
Result<> quicken_arp(std::string_view link);

// Taking an address away must not take the others of its subnet along.
Result<> keep_other_addresses(std::string_view link);

}  // namespace weft::linux_net
