// SPDX-License-Identifier: Apache-2.0
// Whether the host forwards at all. Without it pods reach one another, for frames need no route,
// but neither Services nor anything outside.
#pragma once

#include <string>

namespace weft::kube {

// What is wrong, and the cure; empty: nothing. That a host is a router is for its owner to say, so
// it is not set here. `proc_sys` is /proc/sys.
std::string check_ip_forward(const std::string& proc_sys);

}  // namespace weft::kube
