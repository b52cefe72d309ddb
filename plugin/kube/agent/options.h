// SPDX-License-Identifier: Apache-2.0
// weave-kube's own flags and variables; all others are weaver's, by way of the core's launch
// environment.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/log.h"
#include "plugin/kube/agent/uninstall.h"
#include "plugin/kube/client/cluster.h"
#include "plugin/kube/core/launch_environment.h"
#include "plugin/kube/core/turn.h"
#include "router/io/http_address.h"

namespace weft::kube {

struct AgentOptions {
  Role role = Role::primary;
  LaunchSettings launch;
  Cluster cluster;
  io::HttpAddress daemon;                 // weaver's API
  std::optional<io::HttpAddress> status;  // ours; none: not served
  std::optional<Cidr> expose;
  std::string name_space = "kube-system";  // of the ConfigMap, the Lease and the Secret
  std::string pod_name, pod_uid;           // ours, for Events; empty: not known
  std::string password_secret;             // where a password is kept if none is given
  std::string password_file;               // what is in it now goes before the one that is given
  std::string weaver, plugin;              // programs
  std::string cni_conf_dir, cni_bin_dir;
  LogLevel log_level = LogLevel::info;
};

// What the command line asks for instead of running.
struct EarlyExit {
  int code = 0;
  std::string text;
};

std::string usage();
// `own_folder`: where our program is, and weaver and weave-net beside it.
std::variant<AgentOptions, UninstallOptions, EarlyExit> parse_options(
    const std::vector<std::string>& arguments, const LaunchVariables& variables,
    const std::string& own_folder);

}  // namespace weft::kube
