// SPDX-License-Identifier: Apache-2.0
// Our packet filter and address translation, as one nftables table that is replaced whole: traffic
// between pods and the world is masqueraded for exposed subnets, forwarding over the bridge is
// accepted, and the control port answers this host only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "router/linux/nft.h"

namespace weft::linux_net {

inline constexpr std::string_view kNftTable = "weft";

struct ExposedCidr {
  Cidr address;  // of the bridge
  bool nat = true;
  friend auto operator<=>(const ExposedCidr&, const ExposedCidr&) = default;
};

struct HostRules {
  std::string bridge = "weave";
  std::vector<ExposedCidr> exposed;
  // --no-masq-local: ranges this host owns; what goes to them keeps its source address.
  bool no_masq_local = false;
  std::vector<IpRange> local_ranges;
  // TCP port on 127.0.0.1 that others must not reach by routing tricks.
  std::optional<std::uint16_t> control_port;
};

// The ruleset in libnftables-json(5): pure; deletes and makes the table in one transaction.
std::string render_host_rules(const HostRules& rules);
Result<> apply_host_rules(Nft& nft, const HostRules& rules);
// Absent is a success.
Result<> remove_host_rules(Nft& nft);
// Does our table exist? False after somebody flushed the ruleset: apply again.
Result<bool> host_rules_present(Nft& nft);

}  // namespace weft::linux_net
