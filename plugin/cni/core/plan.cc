// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/core/plan.h"

#include <algorithm>

namespace weft::cni {

namespace {

bool is_default(const ConfRoute& route) {
  return route.dst.prefix_len() == 0;
}

// Without configured routes we set the default route, unless told not to or somebody has it.
bool takes_default_route(const NetConf& conf, const IpamOutcome& ipam) {
  return ipam.routes.empty() && conf.default_route &&
         !(conf.prev_result && has_default_route(*conf.prev_result));
}

ResultRoute result_route(const ConfRoute& route) {
  return {.dst = route.dst.text(), .gw = route.gw ? route.gw->text() : ""};
}

Fault delegate_fault(const std::string& plugin, const std::string& what) {
  return {FaultCode::delegate, "IPAM plugin " + plugin + ": " + what, ""};
}

}  // namespace

IpamOutcome built_in_outcome(const NetConf& conf, std::vector<Cidr> addresses) {
  return {.addresses = std::move(addresses),
          .gateway = conf.ipam.gateway,
          .routes = conf.ipam.routes,
          .dns = {}};
}

Outcome<IpamOutcome> delegated_outcome(const CniResult& result, const std::string& plugin) {
  IpamOutcome out{.addresses = {}, .gateway = {}, .routes = {}, .dns = result.dns};
  for (const ResultIp& ip : result.ips) {
    auto cidr = Cidr::parse(ip.address);
    if (!cidr) return delegate_fault(plugin, "\"" + ip.address + "\" is no IPv4 address");
    out.addresses.push_back(*cidr);
    if (!out.gateway) out.gateway = Ipv4Addr::parse(ip.gateway);
  }
  if (out.addresses.empty()) return delegate_fault(plugin, "its result holds no address");
  for (const ResultRoute& route : result.routes) {
    auto dst = Cidr::parse(route.dst);
    auto gw = Ipv4Addr::parse(route.gw);
    if (!dst || !dst->is_subnet() || (!gw && !route.gw.empty())) {
      return delegate_fault(plugin, "the route to \"" + route.dst + "\" is not IPv4");
    }
    out.routes.push_back({*dst, gw});
  }
  return out;
}

std::string interface_name(const NetConf& conf, const Environment& env) {
  const bool taken = conf.prev_result && find_in_sandbox(*conf.prev_result, env.ifname);
  return taken ? conf.second_ifname : env.ifname;
}

bool needs_bridge_gateway(const NetConf& conf, const IpamOutcome& ipam) {
  if (ipam.gateway) return false;
  return takes_default_route(conf, ipam) ||
         std::any_of(ipam.routes.begin(), ipam.routes.end(),
                     [](const ConfRoute& route) { return !route.gw; });
}

PodPlan plan_pod(const NetConf& conf, const IpamOutcome& ipam,
                 std::optional<Ipv4Addr> bridge_gateway) {
  PodPlan plan{.addresses = ipam.addresses, .gateway = {}, .stated_gateway = {}, .routes = {}};
  const auto fallback = ipam.gateway ? ipam.gateway : bridge_gateway;
  plan.stated_gateway = fallback;
  if (takes_default_route(conf, ipam)) plan.gateway = fallback;
  for (ConfRoute route : ipam.routes) {
    if (!route.gw) route.gw = fallback;
    if (is_default(route) && route.gw) {
      plan.gateway = route.gw;
      continue;
    }
    plan.routes.push_back(route);
  }
  return plan;
}

CniResult network_result(const NetConf& conf, const IpamOutcome& ipam, const PodPlan& plan,
                         const PluggedLinks& links) {
  CniResult out = conf.prev_result.value_or(CniResult{});
  out.interfaces.insert(out.interfaces.end(), {links.bridge, links.host, links.pod});
  const int index = static_cast<int>(out.interfaces.size()) - 1;
  for (const Cidr& address : plan.addresses) {
    out.ips.push_back({.address = address.text(),
                       .gateway = plan.stated_gateway ? plan.stated_gateway->text() : "",
                       .interface = index});
  }
  if (plan.gateway) out.routes.push_back({.dst = "0.0.0.0/0", .gw = plan.gateway->text()});
  for (const ConfRoute& route : plan.routes)
    out.routes.push_back(result_route(route));
  if (!conf.dns.empty()) {
    out.dns = conf.dns;
  } else if (!ipam.dns.empty()) {
    out.dns = ipam.dns;
  }
  return out;
}

CniResult ipam_result(const NetConf& conf, const IpamOutcome& ipam) {
  CniResult out;
  for (const Cidr& address : ipam.addresses) {
    out.ips.push_back({.address = address.text(),
                       .gateway = ipam.gateway ? ipam.gateway->text() : "",
                       .interface = {}});
  }
  for (const ConfRoute& route : ipam.routes)
    out.routes.push_back(result_route(route));
  out.dns = conf.dns;
  return out;
}

}  // namespace weft::cni
