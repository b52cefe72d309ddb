// SPDX-License-Identifier: Apache-2.0
// Plugs a container's namespace into the bridge and unplugs it. Both may be repeated: what is
// there already is kept, and a first attach that fails leaves nothing behind.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"

namespace weft::linux_net {

struct PodRoute {
  Cidr to;
  std::optional<Ipv4Addr> gateway;  // none: on the link
};

struct PodLink {
  bool created = false;  // false: the interface was there already
  std::string host_name;
  MacAddr host_mac;
  MacAddr mac;
  int mtu = 0;
};

// Told while an interface comes to be, so that a caller who is killed at any moment has written
// down what it made. Either may be empty.
struct PodLinkWitness {
  // The name of the host's end: before it is made, or when it was found.
  std::function<void(const std::string& host_name)> named;
  // Both ends are there and carry nothing yet. An error undoes them.
  std::function<Result<>(const PodLink&)> before_traffic;
};

struct PodLinkSpec {
  std::string netns;   // path
  std::string ifname;  // inside, "eth0"
  // The bridge's end: host_link_name() of the container.
  std::string host_name;
  std::string bridge = "weave";
  int mtu = 0;  // 0: the bridge's
  std::optional<MacAddr> mac;
  std::vector<Cidr> addresses;
  // Default route through it; a link-scope route to it comes first if no address covers it.
  std::optional<Ipv4Addr> gateway;
  std::vector<PodRoute> routes;
  bool hairpin = true;
  // Off: the pod hands over whole frames with checksums done. The bridge end of the capture does
  // that for all pods (see bridge_plumbing.h), so pods keep theirs for fast local traffic.
  bool tx_offload = true;
  PodLinkWitness witness{};
};

// "vethwepl" + the first 7 characters of the container's id. Ids shorter than 7 are used whole;
// characters that a link name may not hold become '-'.
std::string host_link_name(std::string_view container_id);

// refused: the namespace is the caller's own. not_found: no such namespace or bridge. conflict:
// `ifname` is there but is not plugged into our bridge.
Result<PodLink> attach_pod(const PodLinkSpec& spec);

// Deletes the interface; true if it was there. A missing namespace is a success too.
Result<bool> detach_pod(const std::string& netns, std::string_view ifname);
// Takes one address away; the interface goes with its last one. True if the address was there.
Result<bool> detach_pod_address(const std::string& netns, std::string_view ifname, Cidr address);

struct PodInterface {
  std::string name;
  MacAddr mac;
  std::vector<Cidr> addresses;
};
// The interfaces of a namespace whose other end is a port of `bridge` here.
Result<std::vector<PodInterface>> pod_interfaces(const std::string& netns, std::string_view bridge);

}  // namespace weft::linux_net
