// SPDX-License-Identifier: Apache-2.0
// Whether the kernel shows kube-proxy what passes between two ports of the bridge. Without it a pod
// that calls a Service whose backend is on its own node gets answers from an address it never
// called.
#pragma once

#include <string>

namespace weft::kube {

// Sets it if that is allowed. What is wrong, and the cure; empty: nothing. `proc_sys` is /proc/sys.
std::string ensure_bridge_filter(const std::string& proc_sys);

}  // namespace weft::kube
