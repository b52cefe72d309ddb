// SPDX-License-Identifier: Apache-2.0
// The type definitions received on one stream. They may name types that are defined later, so
// names become references only when a value needs them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gossip/gob/decode_limits.h"
#include "gossip/gob/internal/varint.h"

namespace weft::gob {

// Types as they occur on the wire: what Type can declare, and what we only know how to skip.
enum class WireKind : std::uint8_t {
  boolean,
  sint,
  uint,
  floating,
  bytes,
  string,
  complex,
  interface,
  array,
  slice,
  structure,
  map,
  opaque,  // made by its own marshaller: a count and as many bytes
};

// Index of a type: built-in types come first, received ones after.
using TypeRef = std::uint32_t;

struct WireField {
  std::string_view name;
  std::int64_t id = 0;
  TypeRef ref = 0;  // valid once the type was resolved
};

struct WireType {
  std::int64_t id = 0;
  WireKind kind = WireKind::uint;
  bool resolved = false;           // this type and all it refers to are defined
  std::uint64_t length = 0;        // of an array
  std::vector<WireField> parts{};  // fields; or the key (map only) and the element, without names
};

class WireTypes {
 public:
  explicit WireTypes(const Limits& limits);

  // Adds the definition of `id` that `body` consists of. Names keep pointing into it.
  Result<> define(std::int64_t id, Cursor& body);
  // The type called `id`, once everything it refers to is known to be defined.
  Result<TypeRef> resolve(std::int64_t id);
  const WireType& operator[](TypeRef ref) const { return types_[ref]; }

 private:
  bool find(std::int64_t id, TypeRef& out) const;

  Limits limits_;
  std::vector<WireType> types_;
};

}  // namespace weft::gob
