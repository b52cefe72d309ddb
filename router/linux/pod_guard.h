// SPDX-License-Identifier: Apache-2.0
// What a container may send: frames with its own MAC address as their source, and in them IPv4 and
// ARP with its own addresses. One nftables table of the bridge family holds the rules, which never
// change, and sets that say which host's end may use which addresses; see docs/cni.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "router/linux/nft.h"

namespace weft::linux_net {

struct PodGuard {
  std::string host_name;  // the host's end of the pair
  MacAddr mac;
  std::vector<Ipv4Addr> addresses;
  friend bool operator==(const PodGuard&, const PodGuard&) = default;
};

// What the kernel holds. The guard of a name is complete or absent.
struct GuardTable {
  // False: table, rules or sets are missing, as after `nft flush ruleset`.
  bool intact = false;
  std::vector<PodGuard> guards;  // by name

  const PodGuard* find(std::string_view host_name) const;
};

// Pure. Rules and empty sets; repeating it changes nothing and mends what was flushed.
std::string render_guard_rules();
// From `from` (nullptr: nothing) to `to` (nullptr: nothing) of one name, as one transaction.
std::string render_guard_change(const PodGuard* from, const PodGuard* to);
// What list_table() gives, in libnftables-json(5). Elements that are not of our shape are left out.
GuardTable parse_guard_table(std::string_view json);

// No table is an empty one.
Result<GuardTable> list_guards(Nft& nft);
// Sets the guard of a name, whatever it was. If the table was flushed, all that `others` tells is
// put back, too.
Result<> guard_pod(Nft& nft, const PodGuard& guard,
                   const std::function<std::vector<PodGuard>()>& others);
// False: there was none.
Result<bool> unguard_pod(Nft& nft, std::string_view host_name);
// Removes the guards of host's ends that are gone, by whatever way.
Result<> sweep_guards(Nft& nft);
// Absent is a success.
Result<> remove_guards(Nft& nft);

}  // namespace weft::linux_net
