// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::daemon {

// Gives back the code pages that only starting up needed: options, state file, nftables, netlink.
// Those that running needs come back from the page cache when they are touched. A daemon that
// stands beside every pod of a host should be small.
void release_startup_pages();

}  // namespace weft::daemon
