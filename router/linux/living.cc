// SPDX-License-Identifier: Apache-2.0
#include "router/linux/living.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <sys/stat.h>

#include "base/text.h"
#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/bridge_plumbing.h"
#include "router/linux/pod_link.h"

namespace weft::linux_net {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNamedFolder = "/run/netns";

std::optional<unsigned long> inode_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return info.st_ino;
}

bool loopback(Cidr address) {
  return address.addr().value >> 24 == 127;
}

// The addresses of one namespace; those that are plugged in are there already.
void add_addresses(Netlink& nl, const std::string& netns, std::vector<LivingAddress>& out) {
  auto all = list_addrs(nl);
  if (!all) return;  // gone meanwhile
  for (const IfAddr& a : *all) {
    bool there = std::any_of(out.begin(), out.end(), [&](const LivingAddress& l) {
      return l.plugged && l.netns == netns && l.address == a.address;
    });
    if (there || loopback(a.address)) continue;
    out.push_back({.address = a.address, .netns = netns, .interface = "", .plugged = false});
  }
}

// How many of its interfaces are plugged into the bridge.
std::size_t add_namespace(const std::string& netns, const std::string& bridge,
                          std::vector<LivingAddress>& out) {
  std::size_t plugged = 0;
  if (auto interfaces = pod_interfaces(netns, bridge)) {
    plugged = interfaces->size();
    for (const PodInterface& interface : *interfaces) {
      for (Cidr address : interface.addresses) {
        out.push_back(
            {.address = address, .netns = netns, .interface = interface.name, .plugged = true});
      }
    }
  }
  auto ns = NetNs::open(netns);
  if (!ns) return plugged;
  if (auto nl = Netlink::open(*ns)) add_addresses(*nl, netns, out);
  return plugged;
}

}  // namespace

std::map<unsigned long, std::string> all_namespaces() {
  std::map<unsigned long, std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(kNamedFolder, error), end; !error && at != end;
       at.increment(error)) {
    if (auto inode = inode_of(at->path())) out.emplace(*inode, at->path());
  }
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    if (!parse_u64(at->path().filename().string())) continue;
    const std::string path = at->path().string() + "/ns/net";
    if (auto inode = inode_of(path)) out.emplace(*inode, path);
  }
  if (auto own = inode_of("/proc/self/ns/net")) out.erase(*own);
  return out;
}

Result<Living> living_addresses(const std::string& bridge) {
  auto host = Netlink::open();
  if (!host) return host.error();
  auto link = find_link(*host, bridge);
  if (!link) return link.error();
  auto ports = bridge_ports(*host, link->index);
  if (!ports) return ports.error();
  // The other end of the capture's pair is in this namespace, and so may be other veths'.
  auto far =
      static_cast<std::size_t>(std::count_if(ports->begin(), ports->end(), [](const Link& port) {
        return port.kind == "veth" && port.peer_is_elsewhere;
      }));
  Living living;
  std::size_t plugged = 0;
  for (const auto& [inode, path] : all_namespaces())
    plugged += add_namespace(path, bridge, living.addresses);
  living.ports_unseen = far > plugged ? far - plugged : 0;
  add_addresses(*host, "", living.addresses);
  return living;
}

}  // namespace weft::linux_net
