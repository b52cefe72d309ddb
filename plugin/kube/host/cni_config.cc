// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/host/cni_config.h"

#include <algorithm>
#include <array>

#include <sys/stat.h>
#include <unistd.h>

#include "base/json/json.h"
#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

using Json = nlohmann::ordered_json;  // people read the file

// Runtimes hand on what is asked for of these only if they are declared.
constexpr std::array kCapabilities{"mac", "ips", "dns"};
// With this capability runtimes hand pods' annotations on.
constexpr const char* kAnnotations = "io.kubernetes.cri.pod-annotations";
constexpr mode_t kFileMode = 0644;
constexpr mode_t kFolderMode = 0755;

bool read_by_runtimes(const std::string& name) {
  return name.ends_with(".conf") || name.ends_with(".conflist") || name.ends_with(".json");
}

}  // namespace

std::string cni_config_text(const CniConfigOptions& options) {
  Json net = {{"type", "weave-net"}, {"hairpinMode", options.hairpin}};
  if (!options.anti_spoofing) net["antiSpoofing"] = false;
  for (const char* capability : kCapabilities)
    net["capabilities"][capability] = true;
  if (options.opt_out_by_annotation) net["capabilities"][kAnnotations] = true;
  if (!options.daemon_address.empty()) net["weaveHttpAddr"] = options.daemon_address;
  const Json portmap = {
      {"type", "portmap"}, {"capabilities", {{"portMappings", true}}}, {"snat", true}};
  Json plugins = Json::array({net, portmap});
  const Json chain = Json::parse(options.chain, nullptr, /*allow_exceptions=*/false);
  if (chain.is_array()) plugins.insert(plugins.end(), chain.begin(), chain.end());
  const Json list = {{"cniVersion", "1.0.0"}, {"name", "weave"}, {"plugins", plugins}};
  return list.dump(2) + "\n";
}

std::vector<std::string> sorted_before_ours(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  std::copy_if(names.begin(), names.end(), std::back_inserter(out),
               [](const std::string& name) { return read_by_runtimes(name) && name < kCniFile; });
  return out;
}

Result<CniConfig::Report> CniConfig::ensure() {
  Report report;
  auto there = read_file(path(), kCniFileMax);
  const bool right = there && *there == text_;
  if (!right) {
    ::mkdir(folder_.c_str(), kFolderMode);
    if (auto written = replace_file(path(), text_, kFileMode); !written) return written.error();
    report.outcome = seen_ ? Report::Outcome::mended : Report::Outcome::written;
  }
  seen_ = true;
  ::unlink((folder_ + "/" + std::string(kCniFileOfOld)).c_str());
  report.before_ours = sorted_before_ours(names_in(folder_));
  return report;
}

}  // namespace weft::kube
