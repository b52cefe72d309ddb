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

}  // namespace

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
