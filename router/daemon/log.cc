// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/log.h"

#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace weft::daemon {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

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

void start_log(LogLevel level) {
  auto logger =
      std::make_shared<spdlog::logger>("weaver", std::make_shared<spdlog::sinks::stderr_sink_st>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%f level=%l %v");
  logger->set_level(to_spdlog(level));
  spdlog::set_default_logger(logger);
}

void log(const LogLine& line) {
  spdlog::level::level_enum level = to_spdlog(line.level);
  if (spdlog::should_log(level)) spdlog::log(level, "{}", format_log_line(line));
}

void log(LogLevel level, std::string_view component, std::string text) {
  log(LogLine{.level = level,
              .component = std::string(component),
              .peer = {},
              .address = {},
              .text = std::move(text)});
}

}  // namespace weft::daemon
