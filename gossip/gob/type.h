// SPDX-License-Identifier: Apache-2.0
// How a message is declared, once, for both directions: a tree of constants that the encoder turns
// into type definitions and the decoder compares with the definitions a peer has sent.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weft::gob {

enum class Kind : std::uint8_t { boolean, sint, uint, bytes, string, slice, map, structure };

struct Type;

struct Field {
  std::string_view name;
  const Type* type = nullptr;
};

// Make these with the functions below, as constants with static storage: a type is known by its
// address, so two fields of one type must name one constant. Trees only, no cycles.
struct Type {
  Kind kind = Kind::uint;
  std::string_view name{};        // for humans; no decoder looks at it
  const Type* key = nullptr;      // of a map
  const Type* element = nullptr;  // of a slice or map
  std::span<const Field> fields{};
};

// All widths of integers look alike on the wire; the reader of a value checks its range.
inline constexpr Type kBool{.kind = Kind::boolean};
inline constexpr Type kInt{.kind = Kind::sint};
inline constexpr Type kUint{.kind = Kind::uint};
inline constexpr Type kBytes{.kind = Kind::bytes};
inline constexpr Type kString{.kind = Kind::string};

constexpr Type slice_of(std::string_view name, const Type& element) {
  return {.kind = Kind::slice, .name = name, .element = &element};
}
constexpr Type map_of(std::string_view name, const Type& key, const Type& element) {
  return {.kind = Kind::map, .name = name, .key = &key, .element = &element};
}
constexpr Type struct_of(std::string_view name, std::span<const Field> fields) {
  return {.kind = Kind::structure, .name = name, .fields = fields};
}

}  // namespace weft::gob
