// SPDX-License-Identifier: Apache-2.0
// The environment variables of Weave's DaemonSet, all of them, as weaver's arguments and the
// agent's settings, so that a manifest written for Weave starts. What has no meaning here is
// answered by a warning that says what replaces it. Source: weave 2.8.1
// prog/weave-kube/{launch,init}.sh.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/result.h"

namespace weft::kube {

// WEFT_CNI_ANTI_SPOOFING: whether pods are held to their own MAC and addresses.
enum class AntiSpoofing : std::uint8_t { on, off, by_annotation };

struct LaunchSettings {
  // weaver's command line but for --ipalloc-init and the peers, which are decided later. Contains
  // no secret: weaver reads WEAVE_PASSWORD from its own environment.
  std::vector<std::string> weaver_args;
  std::string forced_init;               // IPALLOC_INIT; empty: Seed decides
  std::vector<std::string> named_peers;  // KUBE_PEERS and positional arguments
  Cidr range;                            // IPALLOC_RANGE
  std::string node_name;                 // HOSTNAME
  std::string http_addr;                 // of the daemon's API
  std::string db_prefix;                 // DB_PREFIX: where state lies
  std::string host_root;                 // HOST_ROOT: where the host's file system is mounted
  std::string cni_bin_dir;               // WEAVE_CNI_PLUGIN_DIR; empty: /opt/cni/bin of host_root
  std::string expose_ip;                 // WEAVE_EXPOSE_IP; empty: any free address
  bool hairpin = true;                   // HAIRPIN_MODE, for the CNI configuration
  AntiSpoofing anti_spoofing = AntiSpoofing::on;
  std::string cni_chain;          // WEFT_CNI_CHAIN: plugins after ours, a JSON list; empty: none
  bool init_container = false;    // INIT_CONTAINER: plugins were installed already
  bool has_password = false;      // WEAVE_PASSWORD
  bool allow_unenforced = false;  // WEFT_ALLOW_UNENFORCED_POLICIES
  std::vector<std::string> warnings;
};

using LaunchVariables = std::map<std::string, std::string>;
// `arguments`: the container's own, which win over variables, as in Weave.
std::variant<LaunchSettings, Failure> read_launch_environment(
    const LaunchVariables& variables, const std::vector<std::string>& arguments);

// weaver's whole command line.
std::vector<std::string> weaver_arguments(const LaunchSettings& settings, const std::string& init,
                                          const std::vector<std::string>& peers);

}  // namespace weft::kube
