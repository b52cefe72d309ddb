// SPDX-License-Identifier: Apache-2.0
// Finds the network namespace that a person means by a path, a name, a process number or the name
// of a container of podman or docker.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weft::cli {

struct PodTarget {
  std::string netns;  // path
  // Owner of its addresses: a container's id, the name of a named namespace, or "netns-<inode>".
  std::string ident;
};

// The text says what was tried.
std::variant<PodTarget, std::string> find_target(const std::string& text);

// Every network namespace that a process lives in or that is mounted under /run/netns, by inode;
// mounted ones by that path. Our own is left out.
std::map<unsigned long, std::string> all_namespaces();

}  // namespace weft::cli
