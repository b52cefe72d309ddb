// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/host_addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>

namespace weft::kube {

std::set<Ipv4Addr> host_addresses() {
  std::set<Ipv4Addr> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    out.insert(Ipv4Addr{ntohl(address->sin_addr.s_addr)});
  }
  ::freeifaddrs(list);
  return out;
}

}  // namespace weft::kube
