// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/host/ip_forward.h"

#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

constexpr std::size_t kSettingMax = 64;

}  // namespace

std::string check_ip_forward(const std::string& proc_sys) {
  const auto text = read_file(proc_sys + "/net/ipv4/ip_forward", kSettingMax);
  if (!text || !text->starts_with('0')) return "";
  return "net.ipv4.ip_forward is 0, so pods reach neither Services nor anything outside: set it to "
         "1 "
         "on the node, for good in /etc/sysctl.d";
}

}  // namespace weft::kube
