// SPDX-License-Identifier: Apache-2.0
#include "router/linux/pod_link.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/ethtool.h"
#include "router/linux/internal/settings.h"
#include "router/linux/internal/sys_error.h"
#include "router/linux/neighbour.h"
#include "router/linux/route.h"
#include "router/linux/veth.h"

namespace weft::linux_net {
namespace {

constexpr std::string_view kHostPrefix = "vethwepl";
constexpr std::size_t kIdChars = 7;
// A bridge that is down never forwards; its pods are attached all the same.
constexpr std::chrono::milliseconds kForwardingLimit{1000};
constexpr std::string_view kNameDigits = "0123456789abcdefghijklmnopqrstuvwxyz";

void tell_name(const PodLinkSpec& spec, const std::string& host_name) {
  if (spec.witness.named) spec.witness.named(host_name);
}

// One attachment in progress: sockets of both namespaces, and how to undo what was done so far.
class Attachment {
 public:
  static Result<Attachment> prepare(const PodLinkSpec& spec);
  Result<PodLink> run();

 private:
  Attachment(const PodLinkSpec& spec, NetNs ns, Netlink host, Netlink pod)
      : spec_(&spec), ns_(std::move(ns)), host_(std::move(host)), pod_(std::move(pod)) {}

  Result<> steps();
  Result<> find_or_create();
  Result<> adopt(const Link& inside);
  Result<> create();
  Result<> let_caller_prepare();
  Result<> plug_in();
  Result<> configure_inside();
  Result<> add_addresses();
  Result<> add_routes();
  Result<> announce_addresses();
  Result<> add_route_undoably(const Route& route);
  bool covered(Ipv4Addr gateway) const;
  PodLink made() const;
  void undo();

  const PodLinkSpec* spec_;
  NetNs ns_;
  Netlink host_;
  Netlink pod_;
  Link bridge_;
  Link outside_;
  Link inside_;
  bool created_ = false;
  std::vector<Cidr> added_addresses_;
  std::vector<Route> added_routes_;
};

Result<Attachment> Attachment::prepare(const PodLinkSpec& spec) {
  auto ns = NetNs::open(spec.netns);
  if (!ns) return ns.error();
  const auto here = NetNs::current();
  if (!here) return here.error();
  if (ns->same_as(*here)) {
    return Error{Errc::refused, 0, "the container uses the host's network namespace"};
  }
  auto host = Netlink::open();
  if (!host) return host.error();
  auto pod = Netlink::open(*ns);
  if (!pod) return pod.error();
  Attachment attachment(spec, std::move(*ns), std::move(*host), std::move(*pod));
  const auto bridge = find_link(attachment.host_, spec.bridge);
  if (!bridge) return sys_error(bridge.error().sys_errno, "no such bridge");
  if (bridge->kind != "bridge") return Error{Errc::conflict, 0, "not a bridge"};
  attachment.bridge_ = *bridge;
  return attachment;
}

Result<PodLink> Attachment::run() {
  if (auto done = steps(); !done) {
    undo();
    return done.error();
  }
  return made();
}

PodLink Attachment::made() const {
  return {.created = created_,
          .host_name = outside_.name,
          .host_mac = outside_.mac,
          .mac = inside_.mac,
          .mtu = inside_.mtu};
}

Result<> Attachment::steps() {
  for (const auto step :
       {&Attachment::find_or_create, &Attachment::let_caller_prepare, &Attachment::plug_in,
        &Attachment::configure_inside, &Attachment::add_addresses}) {
    if (auto done = (this->*step)(); !done) return done;
  }
  if (auto up = set_link_up(pod_, inside_.index); !up) return up;
  if (auto done = add_routes(); !done) return done;
  // An announcement that the bridge drops leaves others with the MAC of the address's last holder.
  if (auto ready = wait_until_forwarding(host_, outside_.index, kForwardingLimit); !ready) {
    return ready.error();
  }
  return announce_addresses();
}

Result<> Attachment::announce_addresses() {
  return run_in(ns_, [&]() -> Result<> {
    for (const Cidr& address : spec_->addresses) {
      if (auto told = announce_address(inside_.index, inside_.mac, address.addr()); !told) {
        return told;
      }
    }
    return {};
  });
}

Result<> Attachment::find_or_create() {
  const auto inside = find_link(pod_, spec_->ifname);
  if (inside) return adopt(*inside);
  if (inside.error().code != Errc::not_found) return inside.error();
  return create();
}

// A repeated attach, or one that was killed half-way.
Result<> Attachment::adopt(const Link& inside) {
  const auto outside = find_link(host_, inside.peer);
  const auto number = namespace_number(host_, ns_);
  if (!number) return number.error();
  if (inside.kind != "veth" || !inside.peer_is_elsewhere || !outside || outside->kind != "veth" ||
      // A pair whose other end is in a third namespace may have the number of a link here.
      outside->peer != inside.index || !*number || outside->peer_ns != *number ||
      (outside->master && outside->master != bridge_.index) ||
      !outside->name.starts_with(kHostPrefix.substr(0, 6))) {
    return Error{Errc::conflict, 0, "the container has another interface of that name"};
  }
  inside_ = inside;
  outside_ = *outside;
  tell_name(*spec_, outside_.name);
  if (!spec_->mac || *spec_->mac == inside_.mac) return {};
  inside_.mac = *spec_->mac;
  return set_link_mac(pod_, inside_.index, *spec_->mac);
}

// The name outside is taken if the container has other interfaces of ours, or if two ids begin
// alike: then the last character varies.
Result<> Attachment::create() {
  VethSpec veth{.name = spec_->host_name,
                .peer_name = spec_->ifname,
                .mtu = spec_->mtu != 0 ? spec_->mtu : bridge_.mtu,
                .peer_mac = spec_->mac,
                .peer_ns = &ns_};
  tell_name(*spec_, veth.name);
  auto made = create_veth(host_, veth);
  for (const char digit : kNameDigits) {
    if (made || made.error().sys_errno != EEXIST) break;
    veth.name = spec_->host_name;
    veth.name.back() = digit;
    tell_name(*spec_, veth.name);
    made = create_veth(host_, veth);
  }
  if (!made) return made;
  created_ = true;
  const auto outside = find_link(host_, veth.name);
  if (!outside) return outside.error();
  outside_ = *outside;
  const auto inside = find_link(pod_, spec_->ifname);
  if (!inside) return inside.error();
  inside_ = *inside;
  return {};
}

Result<> Attachment::let_caller_prepare() {
  return spec_->witness.before_traffic ? spec_->witness.before_traffic(made()) : Result<>();
}

Result<> Attachment::plug_in() {
  if (auto done = refuse_router_advertisements(outside_.name); !done) return done;
  if (outside_.master != bridge_.index) {
    if (auto done = set_link_master(host_, outside_.index, bridge_.index); !done) return done;
  }
  if (auto done = set_port_hairpin(host_, outside_.index, spec_->hairpin); !done) return done;
  return set_link_up(host_, outside_.index);
}

Result<> Attachment::configure_inside() {
  return run_in(ns_, [&]() -> Result<> {
    if (auto done = refuse_router_advertisements(spec_->ifname); !done) return done;
    if (auto done = quicken_arp(spec_->ifname); !done) return done;
    if (auto done = keep_other_addresses(spec_->ifname); !done) return done;
    if (spec_->tx_offload) return {};
    return set_offloads(spec_->ifname, kWholeFrames);
  });
}

Result<> Attachment::add_addresses() {
  for (const Cidr& address : spec_->addresses) {
    const auto added = add_addr(pod_, inside_.index, address);
    if (!added) return added.error();
    if (*added) added_addresses_.push_back(address);
  }
  return {};
}

bool Attachment::covered(Ipv4Addr gateway) const {
  return std::any_of(spec_->addresses.begin(), spec_->addresses.end(),
                     [&](const Cidr& address) { return address.contains(gateway); });
}

Result<> Attachment::add_route_undoably(const Route& route) {
  const auto added = add_route(pod_, route);
  if (!added) return added.error();
  if (*added) added_routes_.push_back(route);
  return {};
}

Result<> Attachment::add_routes() {
  std::vector<PodRoute> wanted = spec_->routes;
  if (spec_->gateway) wanted.push_back({.to = *Cidr::make({}, 0), .gateway = spec_->gateway});
  for (const PodRoute& route : wanted) {
    if (route.gateway && !covered(*route.gateway)) {
      const Route to_gateway{.to = *Cidr::make(*route.gateway, 32), .link = inside_.index};
      if (auto done = add_route_undoably(to_gateway); !done) return done;
    }
    if (auto done =
            add_route_undoably({.to = route.to, .gateway = route.gateway, .link = inside_.index});
        !done) {
      return done;
    }
  }
  return {};
}

// Best effort: the first failure is what the caller is told.
void Attachment::undo() {
  if (created_) {
    static_cast<void>(outside_.index ? delete_link(host_, outside_.index)
                                     : delete_link_if_present(pod_, spec_->ifname));
    return;
  }
  for (const Route& route : added_routes_)
    static_cast<void>(delete_route(pod_, route));
  for (const Cidr& address : added_addresses_) {
    static_cast<void>(delete_addr(pod_, inside_.index, address));
  }
}

// Opens a namespace that may be gone: nullopt then.
Result<std::optional<Netlink>> open_pod(const std::string& netns) {
  auto ns = NetNs::open(netns);
  // A path whose mount is gone already is an ordinary file.
  if (!ns && (ns.error().code == Errc::not_found || ns.error().code == Errc::bad_value)) {
    return std::optional<Netlink>();
  }
  if (!ns) return ns.error();
  const auto here = NetNs::current();
  if (!here) return here.error();
  if (ns->same_as(*here)) {
    return Error{Errc::refused, 0, "the container uses the host's network namespace"};
  }
  auto nl = Netlink::open(*ns);
  if (!nl) return nl.error();
  return std::optional<Netlink>(std::move(*nl));
}

}  // namespace

std::string host_link_name(std::string_view container_id) {
  std::string name(kHostPrefix);
  for (const char c : container_id.substr(0, kIdChars)) {
    name += valid_link_name(std::string_view(&c, 1)) || c == '.' ? c : '-';
  }
  return name;
}

Result<PodLink> attach_pod(const PodLinkSpec& spec) {
  auto attachment = Attachment::prepare(spec);
  if (!attachment) return attachment.error();
  return attachment->run();
}

Result<bool> detach_pod(const std::string& netns, std::string_view ifname) {
  auto pod = open_pod(netns);
  if (!pod) return pod.error();
  if (!*pod) return false;
  const auto link = find_link(**pod, ifname);
  if (!link && link.error().code == Errc::not_found) return false;
  if (!link) return link.error();
  if (auto gone = delete_link(**pod, link->index); !gone) return gone.error();
  return true;
}

Result<bool> detach_pod_address(const std::string& netns, std::string_view ifname, Cidr address) {
  auto pod = open_pod(netns);
  if (!pod) return pod.error();
  if (!*pod) return false;
  const auto link = find_link(**pod, ifname);
  if (!link && link.error().code == Errc::not_found) return false;
  if (!link) return link.error();
  const auto was_there = delete_addr(**pod, link->index, address);
  if (!was_there) return was_there;
  const auto left = link_addrs(**pod, link->index);
  if (!left) return left.error();
  if (!left->empty()) return was_there;
  if (auto gone = delete_link(**pod, link->index); !gone) return gone.error();
  return was_there;
}

Result<std::vector<PodInterface>> pod_interfaces(const std::string& netns,
                                                 std::string_view bridge) {
  auto pod = open_pod(netns);
  if (!pod) return pod.error();
  auto host = Netlink::open();
  if (!host) return host.error();
  const auto bridge_link = find_link(*host, bridge);
  if (!bridge_link) return bridge_link.error();
  std::vector<PodInterface> found;
  if (!*pod) return found;
  const auto ns = NetNs::open(netns);
  if (!ns) return ns.error();
  const auto number = namespace_number(*host, *ns);
  if (!number) return number.error();
  if (!*number) return found;
  const auto ports = bridge_ports(*host, bridge_link->index);
  if (!ports) return ports.error();
  const auto links = list_links(**pod);
  if (!links) return links.error();
  for (const Link& link : *links) {
    if (link.kind != "veth" || !link.peer_is_elsewhere) continue;
    // Numbers of different namespaces may be equal: both ends must name each other.
    if (std::none_of(ports->begin(), ports->end(), [&](const Link& port) {
          return port.index == link.peer && port.peer == link.index && port.peer_ns == *number;
        })) {
      continue;
    }
    auto addresses = link_addrs(**pod, link.index);
    if (!addresses) return addresses.error();
    found.push_back({.name = link.name, .mac = link.mac, .addresses = std::move(*addresses)});
  }
  return found;
}

}  // namespace weft::linux_net
