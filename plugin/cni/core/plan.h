// SPDX-License-Identifier: Apache-2.0
// Decides what an ADD does to the container (which interface, addresses, gateway, routes) and how
// the result reads; what was allocated and what stands on the host come in as values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/cni/core/config.h"

namespace weft::cni {

// What IPAM gave, built in or delegated.
struct IpamOutcome {
  std::vector<Cidr> addresses;
  std::optional<Ipv4Addr> gateway;
  std::vector<ConfRoute> routes;
  Dns dns;
};

// What the built-in allocation yields, with the ipam section's gateway and routes.
IpamOutcome built_in_outcome(const NetConf& conf, std::vector<Cidr> addresses);
// A delegate's result. Refused: no address, or one that is not IPv4.
Outcome<IpamOutcome> delegated_outcome(const CniResult& result, const std::string& plugin);

// The name of our interface in the container: CNI_IFNAME, unless a plugin before us made that.
std::string interface_name(const NetConf& conf, const Environment& env);

// Must the bridge have an address for the container to go through?
bool needs_bridge_gateway(const NetConf& conf, const IpamOutcome& ipam);

struct PodPlan {
  std::vector<Cidr> addresses;
  std::optional<Ipv4Addr> gateway;         // of the default route we set; none: we set none
  std::optional<Ipv4Addr> stated_gateway;  // as the result's addresses name it
  std::vector<ConfRoute> routes;           // besides the default route
};

// `bridge_gateway` is used where the configuration leaves it to us.
PodPlan plan_pod(const NetConf& conf, const IpamOutcome& ipam,
                 std::optional<Ipv4Addr> bridge_gateway);

struct PluggedLinks {
  ResultInterface bridge, host, pod;
};

// prevResult with our interfaces, addresses and routes added.
CniResult network_result(const NetConf& conf, const IpamOutcome& ipam, const PodPlan& plan,
                         const PluggedLinks& links);
// The result of the IPAM role.
CniResult ipam_result(const NetConf& conf, const IpamOutcome& ipam);

}  // namespace weft::cni
