// SPDX-License-Identifier: Apache-2.0
#include "router/cli/yaml.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/json/json.h"

namespace weft::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kIndent = 2;
// Words that some readers take for something else than a string, of YAML 1.1 as well.
constexpr std::array<std::string_view, 10> kMeaningful{"true", "false", "yes", "no",   "on",
                                                       "off",  "y",     "n",   "null", "nan"};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Only what nobody could read as anything but a string goes without quotes.
bool is_plain(const std::string& text) {
  if (text.empty() || !is_letter(text[0])) return false;
  const bool harmless = std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
  });
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return harmless && std::find(kMeaningful.begin(), kMeaningful.end(), lower) == kMeaningful.end();
}

// What JSON lets stand in a string and YAML does not, or takes for the end of a line: DEL, the
// control characters from U+0080, and the separators U+2028 and U+2029.
std::string escape_more(const std::string& quoted) {
  std::string out;
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const std::string_view rest = std::string_view(quoted).substr(i);
    // The text is UTF-8, so that C2 is followed by 80 to BF.
    const auto second = static_cast<unsigned char>(rest.size() > 1 ? rest[1] : '\0');
    if (rest[0] == '\x7f') {
      out += "\\x7f";
    } else if (rest[0] == '\xc2' && second < 0xa0) {
      out += second < 0x90 ? "\\x8" : "\\x9";
      out += "0123456789abcdef"[second % 16];
      i += 1;
    } else if (rest.starts_with("\xe2\x80\xa8") || rest.starts_with("\xe2\x80\xa9")) {
      out += rest[2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += rest[0];
    }
  }
  return out;
}

std::string string_text(const std::string& text) {
  if (is_plain(text)) return text;
  return escape_more(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
}

// What stands on one line: also a list or an object in which there is nothing.
std::string scalar_text(const Json& value) {
  return value.is_string() ? string_text(value.get<std::string>()) : value.dump();
}

// A list or an object that is being written.
struct Level {
  const Json& value;
  Json::const_iterator at;
  std::size_t indent;
};

std::string block_text(const Json& root) {
  std::string out;
  std::vector<Level> open{{root, root.begin(), 0}};
  bool begun = false;  // the line: "- " stands there
  while (!open.empty()) {
    Level& level = open.back();
    if (level.at == level.value.end()) {
      open.pop_back();
      continue;
    }
    if (!begun) out.append(level.indent, ' ');
    begun = false;
    const bool list = level.value.is_array();
    out += list ? "-" : string_text(level.at.key()) + ":";
    const Json& child = *level.at++;
    if (!child.is_structured() || child.empty()) {
      out += " " + scalar_text(child) + "\n";
      continue;
    }
    begun = list;
    out += list ? " " : "\n";
    open.push_back({child, child.begin(), level.indent + kIndent});
  }
  return out;
}

}  // namespace

std::string as_yaml(std::string_view json) {
  const Json value = Json::parse(json, nullptr, false);
  if (value.is_discarded()) return std::string(json);
  if (!value.is_structured() || value.empty()) return scalar_text(value) + "\n";
  return block_text(value);
}

}  // namespace weft::cli
