// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/host/leftovers.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <unistd.h>

#include "plugin/kube/files/files.h"
#include "plugin/kube/host/cni_config.h"

namespace weft::kube {
namespace {

namespace fs = std::filesystem;

bool is_plugin(const std::string& name) {
  return name == "weave-net" || name == "weave-ipam" || name.starts_with("weave-plugin-");
}

std::vector<std::string> leftovers(const HostPlaces& places) {
  std::vector<std::string> out{places.cni_conf_dir + "/" + std::string(kCniFile),
                               places.db_prefix + "weft-kube.json",
                               places.db_prefix + "weft-kube.turn"};
  for (const std::string& name : names_in(places.cni_bin_dir)) {
    if (is_plugin(name)) out.push_back(places.cni_bin_dir + "/" + name);
  }
  const std::string folder = fs::path(places.db_prefix).parent_path().string();
  const auto names = names_in(folder);
  const bool weaves = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.ends_with("data.db");
  });
  if (!weaves) out.push_back(places.db_prefix + "weft.moved");
  out.push_back(folder + "/cni");  // what the plugin left to be done; empty by now
  return out;
}

}  // namespace

Result<std::vector<std::string>> remove_leftovers(const HostPlaces& places) {
  std::vector<std::string> removed;
  for (const std::string& path : leftovers(places)) {
    std::error_code failed;
    if (fs::remove(path, failed)) removed.push_back(path);
    if (failed) {
      return Error{Errc::system, failed.value(), "a file of ours cannot be removed from the node"};
    }
  }
  return removed;
}

}  // namespace weft::kube
