// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/core/json_text.h"

#include <vector>

#include "base/json/json.h"

namespace weft::cni {

namespace {

// The deepest nesting of brackets outside of strings; need not be valid JSON.
std::size_t depth_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted) {
      if (c == '\\') ++i;
      continue;
    }
    if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
    if ((c == '}' || c == ']') && depth > 0) --depth;
  }
  return deepest;
}

}  // namespace

Outcome<Json> parse_object(std::string_view text, const std::string& what) {
  auto undecodable = [&](const std::string& why) {
    return Fault{FaultCode::undecodable, what + " " + why, ""};
  };
  if (text.size() > kJsonTextMax) {
    return undecodable("is larger than " + std::to_string(kJsonTextMax) + " bytes");
  }
  if (depth_of(text) > kJsonDepthMax) {
    return undecodable("is nested deeper than " + std::to_string(kJsonDepthMax) + " levels");
  }
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return undecodable("is not valid JSON");
  if (!value.is_object()) return undecodable("is not a JSON object");
  return value;
}

Fields::Fields(const Json& object, std::string where, std::optional<Fault>& fault)
    : object_(object), where_(std::move(where)), fault_(fault) {}

const Json* Fields::find(const char* name) {
  auto at = object_.find(name);
  return at == object_.end() || at->is_null() ? nullptr : &*at;
}

bool Fields::has(const char* name) const {
  return object_.contains(name);
}

void Fields::refuse(const std::string& name, const std::string& why) {
  if (fault_) return;
  fault_ = Fault{FaultCode::bad_config, "network configuration: " + where_ + name + " " + why, ""};
}

std::string Fields::text(const char* name) {
  const Json* value = find(name);
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  refuse(name, "must be a string");
  return "";
}

std::optional<bool> Fields::boolean(const char* name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  refuse(name, "must be true or false");
  return std::nullopt;
}

std::optional<int> Fields::number(const char* name, int least, int most) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer() && *value >= least && *value <= most) return value->get<int>();
  refuse(name,
         "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::vector<std::string> Fields::texts(const char* name) {
  std::vector<std::string> out;
  const Json* list = array(name);
  if (list == nullptr) return out;
  for (const Json& value : *list) {
    if (!value.is_string()) {
      refuse(name, "must be a list of strings");
      return {};
    }
    out.push_back(value.get<std::string>());
  }
  return out;
}

const Json* Fields::object(const char* name) {
  const Json* value = find(name);
  if (value == nullptr || value->is_object()) return value;
  refuse(name, "must be an object");
  return nullptr;
}

const Json* Fields::array(const char* name) {
  const Json* value = find(name);
  if (value == nullptr || value->is_array()) return value;
  refuse(name, "must be a list");
  return nullptr;
}

}  // namespace weft::cni
