// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/host/plugin_binaries.h"

#include <array>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

constexpr mode_t kProgramMode = 0755;
constexpr std::array<std::string_view, 2> kNames{"weave-net", "weave-ipam"};

bool executable(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

Result<> lend_portmap(const PluginBinaries& binaries, InstallReport& report) {
  const std::string there = binaries.folder + "/portmap";
  if (executable(there)) return {};
  const std::string ours = binaries.portmap_dir + "/portmap";
  if (!executable(ours)) {
    report.portmap_missing = true;
    return {};
  }
  if (auto installed = install_file(ours, there, kProgramMode); !installed) return installed;
  report.changed.emplace_back("portmap");
  return {};
}

}  // namespace

Result<InstallReport> install_plugin(const PluginBinaries& binaries) {
  InstallReport report;
  ::mkdir(binaries.folder.c_str(), kProgramMode);
  const std::string name = "weave-plugin-" + binaries.version;
  const std::string program = binaries.folder + "/" + name;
  if (!same_content(binaries.source, program) || !executable(program)) {
    if (auto done = install_file(binaries.source, program, kProgramMode); !done) {
      return done.error();
    }
    report.changed.push_back(name);
  }
  for (const std::string_view link : kNames) {
    const std::string path = binaries.folder + "/" + std::string(link);
    if (link_target(path) == name) continue;
    if (auto done = replace_link(path, name); !done) return done.error();
    report.changed.emplace_back(link);
  }
  if (auto lent = lend_portmap(binaries, report); !lent) return lent.error();
  return report;
}

}  // namespace weft::kube
