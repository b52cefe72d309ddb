// SPDX-License-Identifier: Apache-2.0
// `weave-kube --uninstall`: takes from the node what weaver and weave-kube have put there, once
// weaver has ended. For a DaemonSet that is applied when Weft's own is gone.
#pragma once

#include <string>

#include "plugin/kube/agent/log.h"
#include "plugin/kube/host/leftovers.h"

namespace weft::kube {

struct UninstallOptions {
  HostPlaces places;
  std::string weave;   // the program
  std::string daemon;  // weaver's API
  bool stay = false;   // then wait for SIGTERM: a DaemonSet's container that ends is started again
};

// The exit code. Repeating it does no harm.
int uninstall(const UninstallOptions& options, const Log& log);

}  // namespace weft::kube
