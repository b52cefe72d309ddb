// SPDX-License-Identifier: Apache-2.0
// Which network namespaces there are on this host, and which addresses are alive in them: what is
// in use, whatever any table says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace weft::linux_net {

// Every network namespace that a process lives in or that is mounted under /run/netns, by inode;
// mounted ones by that path. Our own is left out.
std::map<unsigned long, std::string> all_namespaces();

struct LivingAddress {
  Cidr address;
  std::string netns;      // path; empty: this one
  std::string interface;  // empty if it is not plugged into the bridge
  bool plugged = false;   // its interface's other end is a port of the bridge here
};

struct Living {
  std::vector<LivingAddress> addresses;
  // Ports of the bridge whose other end is in none of the namespaces that we can see, as from a
  // container with processes of its own. What is alive is then known in part only.
  std::size_t ports_unseen = 0;
};

// All addresses of all namespaces, loopback's left out. A namespace that goes meanwhile is skipped.
// not_found: no such bridge.
Result<Living> living_addresses(const std::string& bridge);

}  // namespace weft::linux_net
