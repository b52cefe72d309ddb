// SPDX-License-Identifier: Apache-2.0
// ADD: address, gateway, link, result. What a failed ADD made is undone before it reports, except
// what an earlier ADD of the same attachment had made already.
#include <algorithm>

#include "plugin/cni/core/naming.h"
#include "plugin/cni/core/plan.h"
#include "plugin/cni/delegate.h"
#include "plugin/cni/guarding.h"
#include "plugin/cni/verbs.h"
#include "router/linux/addr.h"
#include "router/linux/link.h"
#include "router/linux/netns.h"
#include "router/linux/pod_link.h"
#include "router/linux/route.h"

namespace weft::cni {

namespace {

namespace net = linux_net;

Fault plumbing_fault(const Error& error, const std::string& doing) {
  FaultCode code = FaultCode::plumbing;
  std::string cure = "see the kernel's log; the plugin needs CAP_NET_ADMIN and CAP_SYS_ADMIN";
  if (error.code == Errc::not_found) {
    code = FaultCode::try_again;
    cure = "the bridge is made by weaver: is it running?";
  } else if (error.code == Errc::conflict) {
    code = FaultCode::conflict;
    cure = "another interface has that name; use another CNI_IFNAME or interfaceName";
  } else if (error.code == Errc::refused) {
    code = FaultCode::bad_environment;
    cure = "containers that share the host's network need no CNI";
  }
  return {code, doing + ": " + to_string(error), cure};
}

Outcome<> check_namespace(const std::string& path) {
  auto ns = net::NetNs::open(path);
  // Where a namespace was mounted, an ordinary file is left.
  if (!ns && (ns.error().code == Errc::not_found || ns.error().code == Errc::bad_value)) {
    return Fault{FaultCode::unknown_container, "CNI_NETNS " + path + " is no network namespace",
                 "the container is gone"};
  }
  if (!ns) {
    return Fault{FaultCode::bad_environment, "CNI_NETNS " + path + ": " + to_string(ns.error()),
                 ""};
  }
  auto own = net::NetNs::current();
  if (own && ns->same_as(*own)) {
    return Fault{FaultCode::bad_environment, "CNI_NETNS " + path + " is the host's own namespace",
                 "containers that share the host's network need no CNI"};
  }
  return {};
}

class Adding {
 public:
  explicit Adding(const Call& call)
      : call_(call),
        deadline_(call.timeouts.add_total),
        client_(call.client(deadline_)),
        ident_(ident_of(call.attachment())),
        delegated_(call.role == Role::network && call.conf.ipam.delegated()) {}

  Outcome<CniResult> run() {
    if (call_.role == Role::network) {
      if (auto ok = check_namespace(call_.env.netns); !ok) return ok.fault();
    }
    auto result = steps();
    if (!result) roll_back();
    return result;
  }

 private:
  Outcome<CniResult> steps() {
    catch_up(call_);
    if (auto ok = open_record(); !ok) return ok.fault();
    auto ipam = delegated_ ? allocate_by_delegate() : allocate_built_in();
    if (!ipam) return ipam.fault();
    if (call_.role == Role::ipam) return ipam_result(call_.conf, *ipam);
    NetConf conf = call_.conf;
    if (default_route_is_anothers()) conf.default_route = false;
    std::optional<Ipv4Addr> gateway;
    if (needs_bridge_gateway(conf, *ipam)) {
      auto found = bridge_gateway(*ipam);
      if (!found) return found.fault();
      gateway = *found;
    }
    return plug(*ipam, plan_pod(conf, *ipam, gateway));
  }

  // Does another interface of the container lead to the world, whoever made it?
  bool default_route_is_anothers() const {
    auto ns = net::NetNs::open(call_.env.netns);
    auto inside = ns ? net::Netlink::open(*ns) : Result<net::Netlink>(ns.error());
    auto routes = inside ? net::list_routes(*inside) : Result<std::vector<net::Route>>(Error{});
    if (!routes) return false;
    auto ours = net::find_link(*inside, interface_name(call_.conf, call_.env));
    return std::any_of(routes->begin(), routes->end(), [&](const net::Route& route) {
      return route.is_default() && !(ours && route.link == ours->index);
    });
  }

  // Before anything is made, so that GC finds whatever a killed ADD leaves.
  Outcome<> open_record() {
    if (!call_.state.withdraw_release(ident_, call_.timeouts.call)) {
      return Fault{FaultCode::try_again,
                   "the address of an earlier container of this id is still being released", ""};
    }
    const auto earlier = call_.state.recall(call_.attachment());
    had_record_ = earlier.has_value();
    const bool links = call_.role == Role::network;
    record_ = {.attachment = call_.attachment(),
               .network = call_.conf.name,
               .ident = delegated_ ? "" : ident_,
               .guest_link = links ? interface_name(call_.conf, call_.env) : "",
               .host_link = links ? host_link_of(call_.attachment()) : ""};
    // A repeated ADD, or one after a kill: the link may stand already, under another name.
    if (earlier && links && !earlier->host_link.empty()) {
      record_.host_link = earlier->host_link;
      record_.guard = earlier->guard;
    }
    write_record();
    return {};
  }

  void write_record() const {
    if (call_.state.remember(record_)) return;
    call_.note("cannot write to the state directory: GC will not know this attachment");
  }

  Outcome<IpamOutcome> allocate_by_delegate() {
    const Delegate delegate(call_.env, call_.conf.ipam.type, call_.config_text);
    delegate_was_asked_ = true;
    auto result = delegate.add(deadline_.left(call_.timeouts.delegate));
    if (!result) return result.fault();
    return delegated_outcome(*result, call_.conf.ipam.type);
  }

  Outcome<IpamOutcome> allocate_built_in() {
    auto wanted = wanted_addresses();
    if (!wanted) return wanted.fault();
    const auto subnet = wanted->empty()
                            ? call_.conf.ipam.subnet
                            : Cidr::make(wanted->front().first(), wanted->front().prefix_len());
    auto held = client_.lookup(ident_, subnet);
    if (!held) return held.fault();
    // From here on the daemon may hold something of ours, even if it does not say so in time.
    daemon_was_asked_ = held->empty();
    if (wanted->empty()) {
      auto address = client_.allocate(ident_, subnet);
      if (!address) return address.fault();
      return built_in_outcome(call_.conf, {*address});
    }
    for (const Cidr& address : *wanted) {
      if (auto ok = client_.claim(ident_, address); !ok) return ok.fault();
    }
    return built_in_outcome(call_.conf, *wanted);
  }

  // What the capability "ips" asks for; an address without length belongs to our subnet.
  Outcome<std::vector<Cidr>> wanted_addresses() const {
    std::vector<Cidr> out;
    std::optional<Cidr> subnet = call_.conf.ipam.subnet;
    for (const WantedIp& wanted : call_.conf.ips) {
      if (!wanted.cidr && !subnet) {
        auto found = client_.default_subnet();
        if (!found) return found.fault();
        subnet = *found;
      }
      out.push_back(wanted.cidr ? *wanted.cidr : *Cidr::make(wanted.addr, subnet->prefix_len()));
    }
    return out;
  }

  // An address of the bridge that the container can go through, made if there is none.
  Outcome<Ipv4Addr> bridge_gateway(const IpamOutcome& ipam) {
    auto addresses = bridge_addresses();
    if (!addresses) return addresses.fault();
    const Cidr pod = ipam.addresses.front();
    for (const Cidr& address : *addresses) {
      if (pod.contains(address.addr())) return address.addr();
    }
    if (delegated_ && !addresses->empty()) return addresses->front().addr();
    const bool in_default_subnet =
        delegated_ || (!call_.conf.ipam.subnet && call_.conf.ips.empty());
    auto exposed = client_.allocate(
        std::string(kExposeIdent),
        in_default_subnet ? std::nullopt : Cidr::make(pod.first(), pod.prefix_len()));
    if (!exposed) return exposed.fault();
    if (auto ok = client_.expose(*exposed); !ok) return ok.fault();
    return exposed->addr();
  }

  Outcome<std::vector<Cidr>> bridge_addresses() const {
    const std::string doing = "looking at the bridge " + call_.conf.bridge;
    auto nl = net::Netlink::open();
    if (!nl) return plumbing_fault(nl.error(), doing);
    auto link = net::find_link(*nl, call_.conf.bridge);
    if (!link) return plumbing_fault(link.error(), doing);
    auto addresses = net::link_addrs(*nl, link->index);
    if (!addresses) return plumbing_fault(addresses.error(), doing);
    return *addresses;
  }

  Outcome<CniResult> plug(const IpamOutcome& ipam, const PodPlan& plan) {
    net::PodLinkSpec spec{.netns = call_.env.netns,
                          .ifname = interface_name(call_.conf, call_.env),
                          .host_name = host_link_of(call_.attachment()),
                          .bridge = call_.conf.bridge,
                          .mtu = call_.conf.mtu,
                          .mac = call_.conf.mac,
                          .addresses = plan.addresses,
                          .gateway = plan.gateway,
                          .routes = {},
                          .hairpin = call_.conf.hairpin,
                          .witness = witness(plan)};
    for (const ConfRoute& route : plan.routes)
      spec.routes.push_back({route.dst, route.gw});
    auto link = net::attach_pod(spec);
    if (guard_fault_) return *guard_fault_;
    if (!link) {
      return plumbing_fault(link.error(), "plugging " + spec.ifname + " into " + spec.bridge);
    }
    const PluggedLinks links{
        .bridge = {.name = spec.bridge, .mac = bridge_mac()},
        .host = {.name = link->host_name, .mac = link->host_mac.text(), .mtu = link->mtu},
        .pod = {
            .name = spec.ifname, .mac = link->mac.text(), .sandbox = spec.netns, .mtu = link->mtu}};
    return network_result(call_.conf, ipam, plan, links);
  }

  net::PodLinkWitness witness(const PodPlan& plan) {
    return {.named =
                [this](const std::string& host_name) {
                  // It may be another one than planned, which another container has.
                  if (record_.host_link == host_name) return;
                  record_.host_link = host_name;
                  write_record();
                },
            .before_traffic = [this, &plan](const net::PodLink& link) -> Result<> {
              auto done = guard(plan, link);
              if (done) return {};
              guard_fault_ = done.fault();
              return Error{Errc::system, 0, "no guard against spoofing"};
            }};
  }

  Outcome<> guard(const PodPlan& plan, const net::PodLink& link) {
    guarded_ = guarded_ || link.created;
    record_.guard.reset();
    if (call_.conf.anti_spoofing) {
      record_.guard = net::PodGuard{.host_name = link.host_name, .mac = link.mac, .addresses = {}};
      for (const Cidr& address : plan.addresses)
        record_.guard->addresses.push_back(address.addr());
    }
    write_record();
    if (!record_.guard) {
      if (auto ok = leave_unguarded(link.host_name); !ok) return ok;
    }
    return guard_container(call_, &record_);
  }

  std::string bridge_mac() const {
    auto nl = net::Netlink::open();
    if (!nl) return "";
    auto link = net::find_link(*nl, call_.conf.bridge);
    return link ? link->mac.text() : "";
  }

  // attach_pod() has already undone what it made.
  void roll_back() {
    const Deadline deadline(call_.timeouts.rollback_total);
    if (daemon_was_asked_) {
      if (auto ok = release_or_queue(call_, ident_, deadline); !ok) call_.note(ok.fault().msg);
    }
    if (delegate_was_asked_) {
      const Delegate delegate(call_.env, call_.conf.ipam.type, call_.config_text);
      auto ok = delegate.call(Verb::del, deadline.left(call_.timeouts.rollback_total));
      if (!ok) call_.note("undoing ADD: " + ok.fault().msg);
    }
    if (!had_record_) call_.state.forget(call_.attachment());
    if (!guarded_) return;
    record_.guard.reset();
    if (had_record_) write_record();
    if (auto ok = sweep_guards(); !ok) call_.note(ok.fault().msg);
    if (auto ok = guard_container(call_); !ok) call_.note(ok.fault().msg);
  }

  const Call& call_;
  Deadline deadline_;
  DaemonClient client_;
  std::string ident_;
  bool delegated_;
  bool had_record_ = false;
  AttachmentRecord record_;
  bool guarded_ = false;  // rules were made for a link that goes if ADD fails
  std::optional<Fault> guard_fault_;
  bool daemon_was_asked_ = false;
  bool delegate_was_asked_ = false;
};

}  // namespace

Outcome<CniResult> add(const Call& call) {
  return Adding(call).run();
}

}  // namespace weft::cni
