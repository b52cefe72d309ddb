// SPDX-License-Identifier: Apache-2.0
// JSON from outside, bounded before it is parsed: hostile nesting must cost neither stack nor time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "plugin/cni/core/fault.h"

namespace weft::cni {

using Json = nlohmann::json;

inline constexpr std::size_t kJsonTextMax = 1024 * 1024;
inline constexpr std::size_t kJsonDepthMax = 32;

// An object, or a fault of code `undecodable` that begins with `what`.
Outcome<Json> parse_object(std::string_view text, const std::string& what);

// Reads fields of one object. The first field of a wrong type is remembered as a fault, and its
// value is as if absent, so that a reader of many fields checks once.
class Fields {
 public:
  // `where` prefixes names in messages ("ipam."). `object` must outlive this.
  Fields(const Json& object, std::string where, std::optional<Fault>& fault);

  std::string text(const char* name);
  std::optional<bool> boolean(const char* name);
  std::optional<int> number(const char* name, int least, int most);
  std::vector<std::string> texts(const char* name);
  // Objects and arrays; nullptr if absent or null.
  const Json* object(const char* name);
  const Json* array(const char* name);

  // Is it there, be it null?
  bool has(const char* name) const;

  void refuse(const std::string& name, const std::string& why);
  const std::string& where() const { return where_; }

 private:
  const Json* find(const char* name);

  const Json& object_;
  std::string where_;
  std::optional<Fault>& fault_;
};

}  // namespace weft::cni
