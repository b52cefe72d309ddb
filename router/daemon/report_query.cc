// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/report_query.h"

#include <optional>

#include "base/json/json.h"
#include "base/text.h"
#include "router/daemon/report_json.h"

namespace weft::daemon {
namespace {

using Json = nlohmann::ordered_json;

// Longer formats, more fields and larger answers than these are no query but an attack.
constexpr std::size_t kFormatMax = 4096;
constexpr std::size_t kFieldsMax = 64;
constexpr std::size_t kAnswerMax = std::size_t{64} << 20;

constexpr std::string_view kSupported =
    "supported are a JSON pointer (/Router/Name), fields ({{.Router.Name}}) and {{json .Router}}, "
    "with text around them\n";

QueryAnswer unsupported(std::string_view what) {
  return {.status = 400, .body = "error: " + std::string(what) + "; " + std::string(kSupported)};
}

// The member or element that one step of a path leads to.
const Json* step(const Json& at, const std::string& name) {
  if (at.is_object()) {
    auto found = at.find(name);
    return found == at.end() ? nullptr : &*found;
  }
  if (!at.is_array()) return nullptr;
  const auto index = parse_u64(name);
  return index && *index < at.size() ? &at[static_cast<std::size_t>(*index)] : nullptr;
}

// RFC 6901: "~1" is "/", "~0" is "~"; any other "~" is an error.
std::optional<std::string> unescape(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      out.push_back(token[i]);
      continue;
    }
    if (++i == token.size() || (token[i] != '0' && token[i] != '1')) return std::nullopt;
    out.push_back(token[i] == '0' ? '~' : '/');
  }
  return out;
}

// Scalars as Go prints them, the rest as JSON.
std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

QueryAnswer follow_pointer(const Json& report, std::string_view pointer) {
  const Json* at = &report;
  for (std::string_view token : split(pointer.substr(1), '/')) {
    const auto name = unescape(token);
    if (!name) return unsupported("bad escape in the JSON pointer");
    at = step(*at, *name);
    if (at == nullptr) {
      return {.status = 500,
              .body = "error: the report has nothing at " + std::string(pointer) + "\n"};
    }
  }
  return {.status = 200, .body = value_text(*at)};
}

bool is_word(std::string_view name) {
  if (name.empty()) return false;
  for (char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

struct Field {
  bool as_json = false;
  std::vector<std::string_view> names;  // none: "."
};

// The inside of {{ }}: ".A.B", "." or "json .A.B".
std::optional<Field> parse_field(std::string_view action) {
  Field field;
  action = trim(action);
  if (action.starts_with("json ")) {
    field.as_json = true;
    action = trim(action.substr(5));
  }
  if (!action.starts_with(".")) return std::nullopt;
  if (action == ".") return field;
  field.names = split(action.substr(1), '.');
  for (std::string_view name : field.names) {
    if (!is_word(name)) return std::nullopt;
  }
  return field;
}

const Json* find(const Json& report, const Field& field) {
  const Json* at = &report;
  for (std::string_view name : field.names) {
    if (!at->is_object()) return nullptr;
    at = step(*at, std::string(name));
    if (at == nullptr) return nullptr;
  }
  return at;
}

QueryAnswer fill_template(const Json& report, std::string_view format) {
  QueryAnswer answer;
  std::size_t fields = 0;
  while (!format.empty()) {
    const std::size_t open = format.find("{{");
    answer.body += format.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = format.find("}}", open);
    if (close == std::string_view::npos) {
      return {.status = 400, .body = "template: format:1: unclosed action\n"};
    }
    const auto field = parse_field(format.substr(open + 2, close - open - 2));
    if (!field) return unsupported("this is not a template that can be run");
    if (++fields > kFieldsMax) return unsupported("too many fields");
    const Json* value = find(report, *field);
    if (value == nullptr) return {.status = 500, .body = "error during template execution\n"};
    answer.body += field->as_json ? compact_json_text(*value) : value_text(*value);
    if (answer.body.size() > kAnswerMax) return unsupported("the answer is too large");
    format.remove_prefix(close + 2);
  }
  if (fields == 0) return unsupported("no field is asked for");
  return answer;
}

}  // namespace

QueryAnswer query_report(const Json& report, std::string_view format) {
  if (format.size() > kFormatMax) return unsupported("the format is too long");
  if (format.starts_with("/")) return follow_pointer(report, format);
  return fill_template(report, format);
}

}  // namespace weft::daemon
