// SPDX-License-Identifier: Apache-2.0
// The network configuration that a runtime passes on stdin, parsed and checked once.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "plugin/cni/core/environment.h"
#include "plugin/cni/core/result.h"

namespace weft::cni {

struct ConfRoute {
  Cidr dst;
  std::optional<Ipv4Addr> gw;
  friend bool operator==(const ConfRoute&, const ConfRoute&) = default;
};

struct IpamConf {
  std::string type;  // empty: built in
  std::optional<Cidr> subnet;
  std::optional<Ipv4Addr> gateway;
  std::vector<ConfRoute> routes;

  // Another plugin hands out the addresses.
  bool delegated() const { return !type.empty() && role_of(type) != Role::ipam; }
};

// An address somebody asks for; without a length it is one of the default subnet.
struct WantedIp {
  Ipv4Addr addr;
  std::optional<Cidr> cidr;
};

// {container id, interface name}
using Attachment = std::pair<std::string, std::string>;

struct NetConf {
  SpecVersion version = kUnstatedVersion;
  std::string name;
  std::string bridge = "weave";
  int mtu = 0;  // 0: the bridge's
  bool hairpin = true;
  bool default_route = true;  // false: never take it, nor a gateway
  // The container may send with its own MAC and IPv4 addresses only.
  bool anti_spoofing = true;
  // The interface's name if CNI_IFNAME belongs to a plugin before us in the chain.
  std::string second_ifname = "ethwe";
  std::string http_addr;  // weaveHttpAddr; empty: the environment's or the default
  Dns dns;
  IpamConf ipam;
  std::vector<WantedIp> ips;   // runtimeConfig.ips, args.cni.ips, CNI_ARGS IP
  std::optional<MacAddr> mac;  // runtimeConfig.mac, args.cni.mac, CNI_ARGS MAC
  std::optional<CniResult> prev_result;
  // GC: cni.dev/valid-attachments. None: not given.
  std::optional<std::set<Attachment>> valid_attachments;
};

struct ParsedConf {
  NetConf conf;
  // What is wrong in a configuration that could be decoded. DEL goes on all the same: it must
  // clean up after an ADD that was made with a configuration edited since.
  std::optional<Fault> fault;
};

// Faults of code undecodable and incompatible_version are returned, those of bad_config kept in
// ParsedConf::fault. `env` brings what CNI_ARGS asks for.
Outcome<ParsedConf> parse_config(std::string_view text, const Environment& env);

// The version to answer in when no configuration was read: the one it names, if we know it.
SpecVersion answer_version(std::string_view config_text);
// The whole reply to VERSION. Unreadable input is answered with the newest version.
Json version_reply(std::string_view config_text);

}  // namespace weft::cni
