// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "gossip/gob/internal/varint.h"
#include "gossip/gob/internal/wire_types.h"

namespace weft::gob {

// How much of a stream's allowances is left.
struct Budget {
  std::size_t depth = 0;
  std::size_t elements = 0;
};

// Takes n elements off the budget; an error if there are not so many.
Result<> spend(std::size_t& elements, std::uint64_t n);

// Reads over a value of any type that was resolved.
Result<> skip_value(const WireTypes& types, TypeRef type, Cursor& in, Budget& budget);

}  // namespace weft::gob
