// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/host_network.h"

#include <algorithm>

#include "base/text.h"
#include "router/daemon/log.h"
#include "router/linux/addr.h"
#include "router/linux/route.h"
#include "router/linux/sysctl.h"
#include "router/linux/underlay.h"

namespace weft::daemon {
namespace {

namespace net = linux_net;

constexpr int kMtuFloor = 576;

int mtu_below(net::Netlink& nl, net::IfIndex bridge) {
  auto underlay = net::underlay_mtu(nl, bridge);
  return underlay ? *underlay : 1500;
}

std::optional<std::uint16_t> control_port(const std::string& http_addr) {
  auto endpoint = Endpoint::parse(http_addr);
  bool loopback = endpoint && endpoint->ip.value >> 24 == 127;
  return loopback ? std::optional(endpoint->port) : std::nullopt;
}

// Its DROPs would go on to block pods, and its accepts to let in whom we do not.
void remove_what_weave_left(const std::string& bridge) {
  const netfilter::WeaveRemoved removed = netfilter::remove_weave(bridge);
  if (removed.any()) log(LogLevel::info, "netfilter", "removed what Weave left: " + removed.text());
  for (const std::string& problem : removed.problems) {
    log(LogLevel::warning, "netfilter",
        "what Weave left is still there: " + problem + "; 'weave reset' tries again");
  }
}

}  // namespace

std::optional<net::FoundBridge> HostNetwork::existing_bridge(const std::string& bridge) {
  auto nl = net::Netlink::open();
  if (!nl) return std::nullopt;
  auto found = net::find_bridge(*nl, bridge);
  if (!found) return std::nullopt;
  return *found;
}

int HostNetwork::underlay_mtu() const {
  auto nl = net::Netlink::open();
  if (!nl) return 1500;
  const auto bridge = net::find_link(*nl, options_.bridge);
  return mtu_below(*nl, bridge ? bridge->index : net::IfIndex{});
}

std::optional<Failure> HostNetwork::prepare(PeerName name, const std::vector<Exposed>& stored,
                                            net::CapturePort capture) {
  auto nl = net::Netlink::open();
  if (!nl) {
    return Failure{.error = nl.error(), .subject = "rtnetlink", .hint = "weaver must run as root"};
  }
  net::BridgeSpec spec{.bridge = options_.bridge,
                       .name = name,
                       .mtu_if_new = std::max(kMtuFloor, mtu_below(*nl, {}) - kOverlayOverheadMax),
                       .mtu = options_.mtu == 0 ? std::nullopt : std::optional(options_.mtu),
                       .capture = capture};
  auto state = net::ensure_bridge(spec);
  if (!state) {
    bool rights = state.error().sys_errno == EPERM;
    return Failure{.error = state.error(),
                   .subject = "bridge " + options_.bridge,
                   .hint = rights ? "weaver needs CAP_NET_ADMIN: run it as root"
                                  : "'weave reset' clears what is in the way"};
  }
  mtu_ = state->bridge.mtu;
  log(LogLevel::info, "bridge",
      std::string(state->created ? "made " : "adopted ") + options_.bridge + ", MTU " +
          std::to_string(mtu_));
  for (Cidr address : state->addresses) {
    auto known = std::find_if(stored.begin(), stored.end(),
                              [&](const Exposed& e) { return e.address == address; });
    exposed_.push_back({.address = address, .skip_nat = known != stored.end() && known->skip_nat});
  }
  for (const Exposed& e : stored) {
    bool there = std::find(exposed_.begin(), exposed_.end(), e) != exposed_.end();
    if (there) continue;
    if (auto added = net::add_bridge_address(options_.bridge, e.address); !added) {
      log(LogLevel::warning, "bridge",
          "cannot give " + e.address.text() + " back to " + options_.bridge + ": " +
              to_string(added.error()) + "; 'weave expose' gives another");
      continue;
    }
    exposed_.push_back(e);
  }
  if (auto wrong = apply_rules()) {
    return Failure{.error = {.code = Errc::system, .what = "the nftables rules were refused"},
                   .subject = *wrong,
                   .hint = "is nf_tables in the kernel, and do we have CAP_NET_ADMIN?"};
  }
  remove_what_weave_left(options_.bridge);
  return std::nullopt;
}

std::optional<Failure> HostNetwork::check_range(Cidr range) const {
  auto nl = net::Netlink::open();
  if (!nl) return std::nullopt;
  net::IfIndex bridge{};
  if (auto link = net::find_link(*nl, options_.bridge)) bridge = link->index;
  if (auto addresses = net::list_addrs(*nl)) {
    for (const net::IfAddr& a : *addresses) {
      if (a.link == bridge || !range.contains(a.address.addr())) continue;
      return Failure{
          .error = {.code = Errc::conflict, .what = "the range covers this host's address"},
          .subject = "--ipalloc-range " + range.text(),
          .hint = a.address.text() + " is on this host: choose another range"};
    }
  }
  return std::nullopt;
}

std::vector<std::string> HostNetwork::range_overlaps(Cidr range) const {
  std::vector<std::string> out;
  auto nl = net::Netlink::open();
  if (!nl) return out;
  net::IfIndex bridge{};
  if (auto link = net::find_link(*nl, options_.bridge)) bridge = link->index;
  if (auto routes = net::overlapping_routes(*nl, range, bridge)) {
    for (const net::Route& route : *routes) {
      out.push_back("--ipalloc-range " + range.text() + " overlaps the host's route " +
                    route.to.text() + ": pods cannot reach what is behind it");
    }
  }
  return out;
}

bool HostNetwork::forwarding_off() const {
  if (exposed_.empty()) return false;
  const auto value = net::read_sysctl("net/ipv4/ip_forward");
  return value && *value == "0";
}

std::optional<std::string> HostNetwork::expose(Cidr address, bool skip_nat) {
  if (auto added = net::add_bridge_address(options_.bridge, address); !added) {
    return "cannot give " + address.text() + " to " + options_.bridge + ": " +
           to_string(added.error());
  }
  std::erase_if(exposed_, [&](const Exposed& e) { return e.address == address; });
  exposed_.push_back({.address = address, .skip_nat = skip_nat});
  if (auto wrong = apply_rules()) return "cannot set the nftables rules: " + *wrong;
  return remember();
}

std::optional<std::string> HostNetwork::hide(Cidr address) {
  auto known = std::find_if(exposed_.begin(), exposed_.end(),
                            [&](const Exposed& e) { return e.address == address; });
  if (known == exposed_.end()) {
    std::vector<std::string> present;
    for (const Exposed& e : exposed_)
      present.push_back(e.address.text());
    return address.text() +
           " is not exposed; exposed: " + (present.empty() ? "nothing" : join(present, " "));
  }
  if (auto removed = net::delete_bridge_address(options_.bridge, address); !removed) {
    return "cannot take " + address.text() + " from " + options_.bridge + ": " +
           to_string(removed.error());
  }
  exposed_.erase(known);
  if (auto wrong = apply_rules()) return "cannot set the nftables rules: " + *wrong;
  return remember();
}

void HostNetwork::set_local_ranges(std::vector<IpRange> ranges) {
  if (!options_.no_masq_local || ranges == local_ranges_) return;
  local_ranges_ = std::move(ranges);
  if (auto wrong = apply_rules()) log(LogLevel::error, "nft", *wrong);
}

bool HostNetwork::restore_rules() {
  auto nft = net::Nft::open();
  if (!nft) return false;
  auto present = net::host_rules_present(*nft);
  if (!present || *present) return false;
  if (auto wrong = apply_rules()) log(LogLevel::error, "nft", *wrong);
  return true;
}

void HostNetwork::keep_forwarding() {
  netfilter::Forwarding now = netfilter::accept_forwarding(options_.bridge);
  for (const std::string& place : now.changed) {
    log(LogLevel::info, "netfilter",
        "set the accepts for " + options_.bridge + " right in " + place);
  }
  if (now.problems != forwarding_.problems) {
    for (const std::string& problem : now.problems)
      log(LogLevel::warning, "netfilter", problem);
  }
  forwarding_ = std::move(now);
}

std::optional<std::string> HostNetwork::apply_rules() {
  auto nft = net::Nft::open();
  if (!nft) return to_string(nft.error());
  net::HostRules rules{.bridge = options_.bridge,
                       .exposed = {},
                       .no_masq_local = options_.no_masq_local,
                       .local_ranges = local_ranges_,
                       .control_port = control_port(options_.http_addr)};
  for (const Exposed& e : exposed_) {
    rules.exposed.push_back({.address = e.address, .nat = !e.skip_nat});
  }
  if (auto applied = net::apply_host_rules(*nft, rules); !applied) {
    return to_string(applied.error()) + ": " + nft->last_message();
  }
  return std::nullopt;
}

std::optional<std::string> HostNetwork::remember() {
  if (auto stored = store_.set_exposed(exposed_); !stored) {
    return store_.path() + ": " + to_string(stored.error());
  }
  return std::nullopt;
}

}  // namespace weft::daemon
