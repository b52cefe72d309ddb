// SPDX-License-Identifier: Apache-2.0
// The IPv4 addresses of this host: a node that has one of them is this one.
#pragma once

#include <set>

#include "base/ip.h"

namespace weft::kube {

std::set<Ipv4Addr> host_addresses();

}  // namespace weft::kube
