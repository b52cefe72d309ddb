// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <string_view>

#include "base/result.h"

namespace weft::linux_net {

// What a kernel error means to callers who do not look at errno.
inline Errc errc_of(int sys_errno) {
  switch (sys_errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ESRCH:
      return Errc::not_found;
    case EEXIST:
      return Errc::conflict;
    default:
      return Errc::system;
  }
}

// `what` must be a literal.
inline Error sys_error(int sys_errno, std::string_view what) {
  return Error{errc_of(sys_errno), sys_errno, what};
}

}  // namespace weft::linux_net
