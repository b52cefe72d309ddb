// SPDX-License-Identifier: Apache-2.0
#include "router/io/http_text.h"

#include "base/bytes.h"
#include "base/text.h"

namespace weft::io {
namespace {

bool unreserved(char c) {
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] == '%') {
      auto byte = from_hex(text.substr(i + 1, 2));
      if (!byte || byte->size() != 1) return std::nullopt;
      out += static_cast<char>(byte->front());
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    auto u = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[u >> 4];
    out += kDigits[u & 15];
  }
  return out;
}

std::optional<Parameters> parse_form(std::string_view text) {
  Parameters parameters;
  if (text.empty()) return parameters;
  for (std::string_view part : split(text, '&')) {
    if (part.empty()) continue;
    std::size_t equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : percent_decode(part.substr(equals + 1), true);
    if (!name || !value || parameters.size() == kParametersMax) return std::nullopt;
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

std::string form_text(const Parameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    if (!text.empty()) text += '&';
    text += percent_encode(name) + '=' + percent_encode(value);
  }
  return text;
}

bool parse_target(std::string_view target, HttpRequest& into) {
  if (target.empty() || target.front() != '/') return false;
  target = target.substr(0, target.find('#'));
  std::size_t question = target.find('?');
  std::string_view path = target.substr(0, question);
  into.segments.clear();
  for (std::string_view part : split(path.substr(1), '/')) {
    auto segment = percent_decode(part, false);
    if (!segment) return false;
    into.segments.push_back(std::move(*segment));
  }
  if (into.segments.back().empty()) into.segments.pop_back();
  into.path = *percent_decode(path, false);
  if (question == std::string_view::npos) return true;
  auto query = parse_form(target.substr(question + 1));
  if (!query) return false;
  into.parameters = std::move(*query);
  return true;
}

std::optional<std::string> HttpRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace weft::io
