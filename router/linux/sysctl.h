// SPDX-License-Identifier: Apache-2.0
// Kernel settings under /proc/sys, of the calling thread's network namespace.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace weft::linux_net {

// `path` is relative to /proc/sys and uses slashes ("net/ipv6/conf/eth0/accept_ra"), since
// interface names may hold dots. False: this kernel does not have it (IPv6 off, say).
Result<bool> write_sysctl(std::string_view path, std::string_view value);
// Without the line end. not_found if this kernel does not have it.
Result<std::string> read_sysctl(std::string_view path);

}  // namespace weft::linux_net
