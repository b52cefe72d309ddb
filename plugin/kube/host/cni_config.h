// SPDX-License-Identifier: Apache-2.0
// The file by which container runtimes come to use us: what is in it, and keeping it that way.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace weft::kube {

inline constexpr std::string_view kCniFile = "10-weave.conflist";
// Weave before 2.5 wrote this one, which would sort before ours.
inline constexpr std::string_view kCniFileOfOld = "10-weave.conf";
inline constexpr std::size_t kCniFileMax = 1024 * 1024;

struct CniConfigOptions {
  bool hairpin = true;
  bool anti_spoofing = true;
  bool opt_out_by_annotation = false;  // pods may be let off by weave.works/anti-spoofing: "false"
  std::string chain;                   // a JSON list of the plugins that come last; empty: none
  std::string daemon_address;  // of the HTTP API, if it is not where the plugin looks by itself
};
// The text of the file. Version 1.0.0 is what containerd 1.6 and podman 4.3 still read.
std::string cni_config_text(const CniConfigOptions& options);

// Runtimes take the file that sorts first; these, of `names`, come before ours.
std::vector<std::string> sorted_before_ours(const std::vector<std::string>& names);

class CniConfig {
 public:
  CniConfig(std::string folder, const CniConfigOptions& options)
      : folder_(std::move(folder)), text_(cni_config_text(options)) {}

  struct Report {
    enum class Outcome { unchanged, written, mended };
    Outcome outcome = Outcome::unchanged;
    std::vector<std::string> before_ours;  // another plugin's: pods get no network from us
  };
  // Puts the file where it must be, if it is not there or says something else. `mended`: it had
  // been there before.
  Result<Report> ensure();
  std::string path() const { return folder_ + "/" + std::string(kCniFile); }

 private:
  std::string folder_;
  std::string text_;
  bool seen_ = false;
};

}  // namespace weft::kube
