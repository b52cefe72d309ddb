// SPDX-License-Identifier: Apache-2.0
// The files that a node keeps when the DaemonSet is gone, besides those that `weave reset` removes.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace weft::kube {

struct HostPlaces {
  std::string cni_conf_dir;
  std::string cni_bin_dir;
  std::string db_prefix;  // of the state: the agent's is `<prefix>weft-kube.json`
};

// Removes them: the CNI configuration, the plugin of every version under all of its names, and the
// agent's state. A database of Weave's stays, and with it the note by which weaver knows it. Absent
// is a success. Gives the paths that were removed.
Result<std::vector<std::string>> remove_leftovers(const HostPlaces& places);

}  // namespace weft::kube
