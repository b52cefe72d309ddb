// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/json_text.h"

#include <cstdio>
#include <utility>

namespace weft::kube {

namespace {

struct CivilTime {
  int year, month, day;
  long long hour, minute, second, micro;
};

// Days to a date of the Gregorian calendar by eras of 400 years, which begin on 1 March.
CivilTime civil(std::chrono::system_clock::time_point wall) {
  using std::chrono::floor;
  const auto days = floor<std::chrono::days>(wall);
  const std::chrono::year_month_day date(days);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(wall - days).count();
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<int>(static_cast<unsigned>(date.month())),
          .day = static_cast<int>(static_cast<unsigned>(date.day())),
          .hour = rest / 3'600'000'000,
          .minute = rest / 60'000'000 % 60,
          .second = rest / 1'000'000 % 60,
          .micro = rest % 1'000'000};
}

}  // namespace

Result<Json> parse_object(std::string_view text, std::size_t size_max) {
  if (text.size() > size_max) return Error{Errc::too_large, 0, "the JSON text is too long"};
  bool too_deep = false;
  auto limit = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > static_cast<int>(kJsonDepthMax);
    return !too_deep;
  };
  Json json = Json::parse(text, limit, false);
  if (too_deep) return Error{Errc::too_large, 0, "the JSON text is nested too deeply"};
  if (json.is_discarded()) return Error{Errc::bad_value, 0, "this is no valid JSON"};
  if (!json.is_object()) return Error{Errc::bad_value, 0, "this is no JSON object"};
  // In place: a JSON value converts to anything, so the compiler would not know which to make of
  // it.
  return Result<Json>(boost::system::in_place_value, std::move(json));
}

std::string print(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  auto at = object.find(name);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string text_of(const Json& object, const char* name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<std::int64_t> number_of(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  return value->get<std::int64_t>();
}

bool flag_of(const Json& object, const char* name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

Json& object_in(Json& object, const char* name) {
  Json& inside = object[name];
  if (!inside.is_object()) inside = Json::object();
  return inside;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string time_text(std::chrono::system_clock::time_point wall) {
  const CivilTime t = civil(wall);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02lld:%02lld:%02lldZ", t.year, t.month, t.day,
                t.hour, t.minute, t.second);
  return text;
}

std::string micro_time_text(std::chrono::system_clock::time_point wall) {
  std::string text = time_text(wall);
  char micro[32];
  std::snprintf(micro, sizeof micro, ".%06lldZ", civil(wall).micro);
  text.pop_back();
  return text + micro;
}

}  // namespace weft::kube
