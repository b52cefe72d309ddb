// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/words.h"

#include <algorithm>
#include <cstdio>

namespace weft::daemon {
namespace {

namespace chr = std::chrono;

struct CivilTime {
  std::string date;      // "2026-11-22"
  std::string clock;     // "19:14:29"
  std::string fraction;  // ".948828771", or empty
};

std::string digits(std::int64_t value, int width) {
  std::string text = std::to_string(value);
  const auto wanted = static_cast<std::size_t>(width);
  return text.size() < wanted ? std::string(wanted - text.size(), '0') + text : text;
}

CivilTime civil(chr::system_clock::time_point t) {
  const auto day = chr::floor<chr::days>(t);
  const chr::year_month_day date(day);
  const chr::hh_mm_ss clock(chr::duration_cast<chr::nanoseconds>(t - day));
  CivilTime out;
  out.date = digits(static_cast<int>(date.year()), 4) + "-" +
             digits(static_cast<unsigned>(date.month()), 2) + "-" +
             digits(static_cast<unsigned>(date.day()), 2);
  out.clock = digits(clock.hours().count(), 2) + ":" + digits(clock.minutes().count(), 2) + ":" +
              digits(clock.seconds().count(), 2);
  if (clock.subseconds().count() != 0) {
    out.fraction = "." + digits(clock.subseconds().count(), 9);
    out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  }
  return out;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string go_time(chr::system_clock::time_point t) {
  const CivilTime c = civil(t);
  return c.date + " " + c.clock + c.fraction + " +0000 UTC";
}

std::string rfc3339(chr::system_clock::time_point t) {
  const CivilTime c = civil(t);
  return c.date + "T" + c.clock + c.fraction + "Z";
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) c = '?';
  }
  return out;
}

std::string peer_label(PeerName name, std::string_view nickname) {
  return printable(display_name(name, nickname));
}

std::string pad_right(std::string_view text, std::size_t width) {
  std::size_t characters = 0;  // UTF-8 continuation bytes do not count
  for (char c : text)
    characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  std::string out(text);
  if (characters < width) out.append(width - characters, ' ');
  return out;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  const double share =
      whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  char text[32];
  std::snprintf(text, sizeof text, "%04.1f%%", share);
  return text;
}

bool mentions(std::string_view text, std::string_view word) {
  return std::search(text.begin(), text.end(), word.begin(), word.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

}  // namespace weft::daemon
