// SPDX-License-Identifier: Apache-2.0
// Finds the network namespace that a person means by a path, a name, a process number or the name
// of a container of podman or docker.
#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace weft::cli {

struct PodTarget {
  std::string netns;  // path
  // Owner of its addresses: a container's id, the name of a named namespace, or "netns-<inode>".
  std::string ident;
};

// The text says what was tried.
std::variant<PodTarget, std::string> find_target(const std::string& text);

}  // namespace weft::cli
