// SPDX-License-Identifier: Apache-2.0
// The plugin's program on the host, where the kubelet's runtime starts it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace weft::kube {

struct PluginBinaries {
  std::string source;       // our weave-net
  std::string folder;       // of the host: /opt/cni/bin
  std::string version;      // weave-plugin-VERSION
  std::string portmap_dir;  // where a portmap plugin is that may be lent to a host without one
};

struct InstallReport {
  std::vector<std::string> changed;  // files and links that were not as they must be
  bool portmap_missing = false;      // our configuration names it: no pod would start
};
// Each file by rename, since the runtime may be running the old one; what is right already is left
// alone. Older weave-plugin-VERSION files stay: a call that began with one may still read it.
Result<InstallReport> install_plugin(const PluginBinaries& binaries);

}  // namespace weft::kube
