// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/watch_event.h"

#include <array>

#include "base/text.h"

namespace weft::kube {

namespace {

// A line is the object and some words around it.
constexpr std::size_t kLineMax = kObjectTextMax + 1024;

std::optional<WatchEventType> parse_type(std::string_view text) {
  constexpr std::array kTypes{std::pair{std::string_view("ADDED"), WatchEventType::added},
                              std::pair{std::string_view("MODIFIED"), WatchEventType::modified},
                              std::pair{std::string_view("DELETED"), WatchEventType::deleted},
                              std::pair{std::string_view("BOOKMARK"), WatchEventType::bookmark},
                              std::pair{std::string_view("ERROR"), WatchEventType::error}};
  for (const auto& [name, type] : kTypes) {
    if (name == text) return type;
  }
  return std::nullopt;
}

// A bookmark's object has a resource version and no name.
Result<ObjectMeta> parse_bookmark(const Json& object) {
  const Json* meta = member(object, "metadata");
  ObjectMeta out;
  if (meta != nullptr) out.resource_version = text_of(*meta, "resourceVersion");
  return out;
}

}  // namespace

Result<WatchEvent> parse_watch_event(std::string_view line) {
  auto json = parse_object(line, kLineMax);
  if (!json) return json.error();
  const auto type = parse_type(text_of(*json, "type"));
  if (!type) return Error{Errc::unsupported, 0, "a watch event of unknown type"};
  auto object = json->find("object");
  if (object == json->end() || !object->is_object()) {
    return Error{Errc::bad_value, 0, "a watch event without object"};
  }
  WatchEvent event{.type = *type, .object = std::move(*object)};
  if (*type == WatchEventType::error) {
    event.status = parse_status(event.object);
    if (!event.status) return Error{Errc::bad_value, 0, "a watch error without Status"};
    return event;
  }
  auto meta =
      *type == WatchEventType::bookmark ? parse_bookmark(event.object) : parse_meta(event.object);
  if (!meta) return meta.error();
  if (meta->resource_version.empty()) {
    return Error{Errc::bad_value, 0, "a watch event without resourceVersion"};
  }
  event.meta = std::move(*meta);
  return event;
}

Result<> WatchLines::feed(ByteView bytes) {
  // What was given out goes before more comes in, so the buffer holds at most one line and a piece.
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  buffer_.append(as_text(bytes));
  const std::size_t last_end = buffer_.rfind('\n');
  const std::size_t unfinished =
      last_end == std::string::npos ? buffer_.size() : buffer_.size() - last_end - 1;
  if (unfinished > kLineMax) return Error{Errc::too_large, 0, "a watch event is too long"};
  return {};
}

std::optional<std::string> WatchLines::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    std::string line(trim(std::string_view(buffer_).substr(begin_, end - begin_)));
    begin_ = scanned_ = end + 1;
    if (!line.empty()) return line;
  }
}

}  // namespace weft::kube
