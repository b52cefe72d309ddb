// SPDX-License-Identifier: Apache-2.0
// Where this tree keeps its vectors. Only this library is compiled with the tree's own path:
// whatever else were, would have to be compiled anew in each clone.
#pragma once

namespace weft::golden {

const char* default_folder();  // absolute

}  // namespace weft::golden
