// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/default_folder.h"

namespace weft::golden {

const char* default_folder() {
  return WEFT_GOLDEN_DEFAULT;
}

}  // namespace weft::golden
