// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace weft::gob {

// What one decoder accepts. Weave's largest message defines 12 types of at most 6 fields, nests 6
// deep, and fits a 10 MiB frame.
struct Limits {
  std::size_t message_size_max = std::size_t{10} << 20;
  std::size_t type_count_max = 64;
  std::size_t field_count_max = 64;  // of one struct
  std::size_t depth_max = 32;        // structs, slices and maps inside one another
  std::size_t element_count_max = std::size_t{4} << 20;  // of all slices and maps, in one stream
};

}  // namespace weft::gob
