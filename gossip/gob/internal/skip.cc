// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/internal/skip.h"

#include <optional>

namespace weft::gob {
namespace {

constexpr Error kTruncated{.code = Errc::truncated, .what = "gob: value is truncated"};

// An array, slice, struct or map that is being read over.
struct Level {
  TypeRef type = 0;
  FieldWalk walk{0};              // struct
  std::uint64_t values_left = 0;  // others; a map has two values per pair
};

class Skipper {
 public:
  Skipper(const WireTypes& types, Cursor& in, Budget& budget)
      : types_(types), in_(in), budget_(budget) {}

  Result<> run(TypeRef type) {
    if (auto ok = take(type); !ok) return ok;
    while (!levels_.empty()) {
      auto next = next_type(levels_.back());
      if (!next) {
        if (levels_.back().walk.bad()) return kBadField;
        levels_.pop_back();
      } else if (auto ok = take(*next); !ok) {
        return ok;
      }
      if (in_.failed()) return kTruncated;
    }
    return {};
  }

 private:
  static constexpr Error kBadField{.code = Errc::bad_value, .what = "gob: field out of range"};

  // The type of the next value inside this level, or nothing at its end.
  std::optional<TypeRef> next_type(Level& level) {
    const WireType& type = types_[level.type];
    if (type.kind == WireKind::structure) {
      auto field = level.walk.next(in_);
      return field ? std::optional(type.parts[*field].ref) : std::nullopt;
    }
    if (level.values_left == 0) return std::nullopt;
    --level.values_left;
    bool key = type.kind == WireKind::map && level.values_left % 2 != 0;
    return (key ? type.parts.front() : type.parts.back()).ref;
  }

  // Reads over a scalar; of anything else, reads the count and makes it a level.
  Result<> take(TypeRef ref) {
    const WireType& type = types_[ref];
    switch (type.kind) {
      case WireKind::boolean:
      case WireKind::sint:
      case WireKind::uint:
      case WireKind::floating:
        in_.uint();
        break;
      case WireKind::complex:
        in_.uint();
        in_.uint();
        break;
      case WireKind::bytes:
      case WireKind::string:
      case WireKind::opaque:
        in_.text();
        break;
      case WireKind::interface:
        return Error{.code = Errc::unsupported, .what = "gob: interface values are not read"};
      case WireKind::array:
      case WireKind::slice:
      case WireKind::map:
      case WireKind::structure:
        return descend(ref, type);
    }
    if (in_.failed()) return kTruncated;
    return {};
  }

  Result<> descend(TypeRef ref, const WireType& type) {
    if (levels_.size() >= budget_.depth) {
      return Error{.code = Errc::too_large, .what = "gob: value is nested too deeply"};
    }
    Level level{.type = ref, .walk = FieldWalk(type.parts.size())};
    if (type.kind != WireKind::structure) {
      std::uint64_t count = in_.count();
      if (in_.failed()) return kTruncated;
      if (type.kind == WireKind::array && count != type.length) {
        return Error{.code = Errc::bad_value, .what = "gob: array of another length"};
      }
      if (auto ok = spend(budget_.elements, count); !ok) return ok;
      level.values_left = type.kind == WireKind::map ? 2 * count : count;
    }
    levels_.push_back(level);
    return {};
  }

  const WireTypes& types_;
  Cursor& in_;
  Budget& budget_;
  std::vector<Level> levels_;
};

}  // namespace

Result<> spend(std::size_t& elements, std::uint64_t n) {
  if (n > elements) return Error{.code = Errc::too_large, .what = "gob: too many elements"};
  elements -= static_cast<std::size_t>(n);
  return {};
}

Result<> skip_value(const WireTypes& types, TypeRef type, Cursor& in, Budget& budget) {
  return Skipper(types, in, budget).run(type);
}

}  // namespace weft::gob
