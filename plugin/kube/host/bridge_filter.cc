// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/host/bridge_filter.h"

#include <fstream>

#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

constexpr std::size_t kSettingMax = 64;
constexpr const char* kSetting = "/net/bridge/bridge-nf-call-iptables";

bool is_on(const std::string& path) {
  auto text = read_file(path, kSettingMax);
  return text && text->starts_with('1');
}

}  // namespace

std::string ensure_bridge_filter(const std::string& proc_sys) {
  const std::string path = proc_sys + kSetting;
  if (is_on(path)) return "";
  // A setting that exists only; in a container it can often be read alone.
  if (read_file(path, kSettingMax)) std::ofstream(path) << "1\n";
  if (is_on(path)) return "";
  return "net.bridge.bridge-nf-call-iptables is not 1, so Services whose pods are on the caller's "
         "node fail: load the module br_netfilter on the node and set it";
}

}  // namespace weft::kube
