// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/internal/wire_types.h"

#include <array>

namespace weft::gob {
namespace {

// Ids below this one belong to gob itself and are never defined on the wire.
constexpr std::int64_t kFirstUserId = 64;

constexpr std::array kBuiltins{WireKind::boolean,  WireKind::sint,     WireKind::uint,
                               WireKind::floating, WireKind::bytes,    WireKind::string,
                               WireKind::complex,  WireKind::interface};

// The fields of wireType, in order.
constexpr std::array kDefinable{WireKind::array, WireKind::slice,  WireKind::structure,
                                WireKind::map,   WireKind::opaque, WireKind::opaque,
                                WireKind::opaque};

constexpr Error kBad{.code = Errc::bad_value, .what = "gob: malformed type definition"};

// CommonType {Name, Id} and fieldType {Name, Id} have the same shape.
WireField read_name_and_id(Cursor& in) {
  WireField out;
  FieldWalk walk(2);
  while (auto field = walk.next(in)) {
    if (*field == 0) {
      out.name = as_text(in.text());
    } else {
      out.id = in.sint();
    }
  }
  if (walk.bad()) in.take(in.size() + 1);  // fails the cursor
  return out;
}

// The `Field` of a structType.
Result<> read_fields(Cursor& in, WireType& out, std::size_t count_max) {
  std::uint64_t count = in.count();
  if (count > count_max) {
    return Error{.code = Errc::too_large, .what = "gob: too many fields in a struct"};
  }
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    out.parts.push_back(read_name_and_id(in));
  }
  return {};
}

// One of arrayType, sliceType, structType, mapType or gobEncoderType, to its end.
Result<> read_shape(Cursor& in, WireType& out, std::size_t field_count_max) {
  bool map = out.kind == WireKind::map;
  if (map) out.parts.resize(2);
  if (out.kind == WireKind::slice || out.kind == WireKind::array) out.parts.resize(1);
  std::size_t field_count = out.kind == WireKind::opaque         ? 1
                            : map || out.kind == WireKind::array ? 3
                                                                 : 2;
  FieldWalk walk(field_count);
  while (auto field = walk.next(in)) {
    if (*field == 0) {
      read_name_and_id(in);
    } else if (out.kind == WireKind::structure) {
      if (auto ok = read_fields(in, out, field_count_max); !ok) return ok;
    } else if (*field == 2 && !map) {
      auto length = in.sint();
      if (length < 0) return kBad;
      out.length = static_cast<std::uint64_t>(length);
    } else {
      out.parts[*field - 1].id = in.sint();
    }
  }
  if (walk.bad() || in.failed()) return kBad;
  return {};
}

}  // namespace

WireTypes::WireTypes(const Limits& limits) : limits_(limits) {
  for (std::size_t i = 0; i < kBuiltins.size(); ++i) {
    types_.push_back(
        {.id = static_cast<std::int64_t>(i) + 1, .kind = kBuiltins[i], .resolved = true});
  }
}

Result<> WireTypes::define(std::int64_t id, Cursor& body) {
  TypeRef existing = 0;
  if (id < kFirstUserId || find(id, existing)) {
    return Error{.code = Errc::bad_value, .what = "gob: type defined twice"};
  }
  if (types_.size() - kBuiltins.size() >= limits_.type_count_max) {
    return Error{.code = Errc::too_large, .what = "gob: too many type definitions"};
  }
  FieldWalk walk(kDefinable.size());
  auto which = walk.next(body);
  if (!which) return kBad;
  WireType type{.id = id, .kind = kDefinable[*which]};
  if (auto ok = read_shape(body, type, limits_.field_count_max); !ok) return ok;
  if (walk.next(body) || walk.bad() || body.failed() || !body.empty()) return kBad;
  types_.push_back(std::move(type));
  return {};
}

Result<TypeRef> WireTypes::resolve(std::int64_t id) {
  constexpr Error kUndefined{.code = Errc::bad_value, .what = "gob: undefined type"};
  TypeRef root = 0;
  if (!find(id, root)) return kUndefined;
  if (types_[root].resolved) return root;
  std::vector<bool> reached(types_.size(), false);
  std::vector<TypeRef> open{root};
  reached[root] = true;
  for (std::size_t i = 0; i < open.size(); ++i) {
    for (WireField& part : types_[open[i]].parts) {
      if (!find(part.id, part.ref)) return kUndefined;
      if (reached[part.ref] || types_[part.ref].resolved) continue;
      reached[part.ref] = true;
      open.push_back(part.ref);
    }
  }
  for (TypeRef ref : open)
    types_[ref].resolved = true;
  return root;
}

bool WireTypes::find(std::int64_t id, TypeRef& out) const {
  for (TypeRef i = 0; i < types_.size(); ++i) {
    if (types_[i].id == id) {
      out = i;
      return true;
    }
  }
  return false;
}

}  // namespace weft::gob
