// SPDX-License-Identifier: Apache-2.0
#include "base/log_text.h"

#include <string_view>

namespace weft {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (char c : text) {
    auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20 || u == 0x7f) {
      out += "\\x";
      out += kDigits[u >> 4];
      out += kDigits[u & 15];
    } else {
      out += c;
    }
  }
}

void append_field(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  if (!out.empty()) out += ' ';
  out += key;
  out += '=';
  bool quoted = value.find_first_of(" \"\\=\n\t") != std::string_view::npos;
  if (quoted) out += '"';
  append_escaped(out, value);
  if (quoted) out += '"';
}

}  // namespace

std::string format_log_line(const LogLine& line) {
  std::string out;
  append_field(out, "component", line.component);
  append_field(out, "peer", line.peer);
  append_field(out, "addr", line.address);
  append_field(out, "msg", line.text);
  return out;
}

}  // namespace weft
