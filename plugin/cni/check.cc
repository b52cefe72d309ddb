// SPDX-License-Identifier: Apache-2.0
// CHECK: is everything that ADD reported still so? Looks, changes nothing.
#include <algorithm>

#include "plugin/cni/core/naming.h"
#include "plugin/cni/core/plan.h"
#include "plugin/cni/delegate.h"
#include "plugin/cni/guarding.h"
#include "plugin/cni/verbs.h"
#include "router/linux/addr.h"
#include "router/linux/link.h"
#include "router/linux/netns.h"
#include "router/linux/route.h"

namespace weft::cni {

namespace {

namespace net = linux_net;

Fault mismatch(const std::string& what) {
  return {FaultCode::mismatch, what, "delete the container's sandbox, to have it made anew"};
}

Fault cannot_look(const Error& error) {
  return {FaultCode::try_again, "cannot look into the container: " + to_string(error), ""};
}

// What prevResult says of our interface.
struct Expected {
  std::string ifname;
  std::string mac;
  std::vector<Cidr> addresses;
};

Outcome<Expected> expectation(const Call& call) {
  if (!call.conf.prev_result) {
    return Fault{FaultCode::bad_config, "CHECK needs a prevResult", ""};
  }
  const CniResult& result = *call.conf.prev_result;
  // The newest of our names: with a plugin before us in the chain that is the second one.
  std::optional<int> index = find_in_sandbox(result, call.conf.second_ifname);
  auto record = call.state.recall(call.attachment());
  if (record) {
    index = find_in_sandbox(result, record->guest_link);
  } else if (!index) {
    index = find_in_sandbox(result, call.env.ifname);
  }
  if (!index && call.role == Role::network) {
    return Fault{FaultCode::bad_config, "prevResult does not hold our interface", ""};
  }
  Expected out;
  if (index) {
    const ResultInterface& interface = result.interfaces[static_cast<std::size_t>(*index)];
    out = {.ifname = interface.name, .mac = interface.mac, .addresses = {}};
  }
  for (const ResultIp& ip : result.ips) {
    auto cidr = Cidr::parse(ip.address);
    if (cidr && (!index || ip.interface == index)) out.addresses.push_back(*cidr);
  }
  return out;
}

class Inspection {
 public:
  Inspection(const Call& call, const Expected& expected) : call_(call), expected_(expected) {}

  Outcome<> run() {
    auto ns = net::NetNs::open(call_.env.netns);
    if (!ns) {
      return Fault{FaultCode::unknown_container,
                   "CNI_NETNS " + call_.env.netns + ": " + to_string(ns.error()), ""};
    }
    auto inside = net::Netlink::open(*ns);
    if (!inside) return cannot_look(inside.error());
    auto link = net::find_link(*inside, expected_.ifname);
    if (!link) return mismatch("the interface " + expected_.ifname + " is gone");
    if (auto ok = check_link(*link); !ok) return ok;
    if (auto ok = check_addresses(*inside, *link); !ok) return ok;
    if (auto ok = check_routes(*inside, *link); !ok) return ok;
    return check_host();
  }

 private:
  Outcome<> check_link(const net::Link& link) const {
    if (!link.up) return mismatch("the interface " + link.name + " is down");
    auto mac = MacAddr::parse(expected_.mac);
    if (mac && *mac != link.mac) {
      return mismatch("the interface " + link.name + " has the address " + link.mac.text() +
                      " instead of " + mac->text());
    }
    return {};
  }

  Outcome<> check_addresses(net::Netlink& inside, const net::Link& link) const {
    auto present = net::link_addrs(inside, link.index);
    if (!present) return cannot_look(present.error());
    for (const Cidr& address : expected_.addresses) {
      if (std::find(present->begin(), present->end(), address) == present->end()) {
        return mismatch("the address " + address.text() + " is gone from " + link.name);
      }
    }
    return {};
  }

  // Routes of the result that can only be ours: through a gateway that our addresses cover.
  Outcome<> check_routes(net::Netlink& inside, const net::Link& link) const {
    auto present = net::list_routes(inside);
    if (!present) return cannot_look(present.error());
    for (const ResultRoute& route : call_.conf.prev_result->routes) {
      auto dst = Cidr::parse(route.dst);
      auto gw = Ipv4Addr::parse(route.gw);
      if (!dst || !gw || !covers(*gw)) continue;
      const bool found = std::any_of(present->begin(), present->end(), [&](const net::Route& have) {
        return have.to == *dst && have.gateway == gw && have.link == link.index;
      });
      if (!found) return mismatch("the route to " + route.dst + " is gone");
    }
    return {};
  }

  bool covers(Ipv4Addr gateway) const {
    return std::any_of(expected_.addresses.begin(), expected_.addresses.end(),
                       [&](const Cidr& cidr) { return cidr.contains(gateway); });
  }

  Outcome<> check_host() const {
    auto nl = net::Netlink::open();
    if (!nl) return cannot_look(nl.error());
    auto bridge = net::find_link(*nl, call_.conf.bridge);
    if (!bridge) return mismatch("the bridge " + call_.conf.bridge + " is gone");
    auto record = call_.state.recall(call_.attachment());
    const std::string name = record ? record->host_link : host_link_of(call_.attachment());
    auto host = net::find_link(*nl, name);
    if (!host) return mismatch("the host's interface " + name + " is gone");
    if (!host->up || host->master != bridge->index) {
      return mismatch("the host's interface " + name + " is not plugged into " + call_.conf.bridge);
    }
    auto mac = MacAddr::parse(expected_.mac);
    if (!call_.conf.anti_spoofing || !record || !mac) return {};
    return check_guard(call_, *record, *mac);
  }

  const Call& call_;
  const Expected& expected_;
};

// Does the daemon know these addresses as the container's?
Outcome<> check_allocation(const Call& call, const Expected& expected, const Deadline& deadline) {
  for (const Cidr& address : expected.addresses) {
    const auto subnet = Cidr::make(address.first(), address.prefix_len());
    auto held = call.client(deadline).lookup(ident_of(call.attachment()), subnet);
    if (!held) return held.fault();
    if (std::find(held->begin(), held->end(), address) == held->end()) {
      return mismatch("the daemon does not hold " + address.text() + " for this container");
    }
  }
  return {};
}

}  // namespace

Outcome<> check(const Call& call) {
  const Deadline deadline(call.timeouts.del_total);
  auto expected = expectation(call);
  if (!expected) return expected.fault();
  if (call.role == Role::network) {
    if (auto ok = Inspection(call, *expected).run(); !ok) return ok;
    if (call.conf.ipam.delegated()) {
      const Delegate delegate(call.env, call.conf.ipam.type, call.config_text);
      return delegate.call(Verb::check, deadline.left(call.timeouts.delegate));
    }
  }
  return check_allocation(call, *expected, deadline);
}

}  // namespace weft::cni
