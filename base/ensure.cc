// SPDX-License-Identifier: Apache-2.0
#include "base/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace weft {

void ensure_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "BUG: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace weft
