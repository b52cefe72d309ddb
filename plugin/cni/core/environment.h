// SPDX-License-Identifier: Apache-2.0
// The parameters that a CNI runtime passes in environment variables, checked for the verb.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/cni/core/fault.h"

namespace weft::cni {

enum class Verb { add, del, check, gc, status, version };

std::string_view text(Verb verb);

// Which of our two names we were called by.
enum class Role {
  network,  // weave-net: links and addresses
  ipam,     // weave-ipam: addresses alone, for another plugin
};

std::string_view plugin_name(Role role);
// By the end of argv[0]; weave-net for any other name.
Role role_of(std::string_view program);

struct Environment {
  Verb verb = Verb::version;
  std::string container_id;
  std::string netns;  // path; may be empty for DEL
  std::string ifname;
  std::vector<std::string> path;  // where delegates are looked for
  // CNI_ARGS, those that mean something to us.
  std::string arg_ip;
  std::string arg_mac;
};

// Longer ids would not fit a file name of the state directory.
inline constexpr std::size_t kContainerIdMax = 200;

// What a container id or a network's name must look like: [a-zA-Z0-9][a-zA-Z0-9_.-]*.
bool valid_name(std::string_view name);
bool valid_interface_name(std::string_view name);

using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

Outcome<Environment> read_environment(const Lookup& variable);

}  // namespace weft::cni
