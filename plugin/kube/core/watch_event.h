// SPDX-License-Identifier: Apache-2.0
// A watch's body: one JSON object a line, {"type": …, "object": …}, cut into pieces anywhere.
// Source: Kubernetes API concepts, "Efficient detection of changes".
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "plugin/kube/core/objects.h"

namespace weft::kube {

enum class WatchEventType : std::uint8_t { added, modified, deleted, bookmark, error };

struct WatchEvent {
  WatchEventType type = WatchEventType::bookmark;
  Json object;                      // of error: a Status
  ObjectMeta meta;                  // of a bookmark only resource_version; of an error nothing
  std::optional<ApiStatus> status;  // of error
};
Result<WatchEvent> parse_watch_event(std::string_view line);

// Puts the pieces together to lines. A line that is longer than an object can be is an error, and
// no more is taken then.
class WatchLines {
 public:
  Result<> feed(ByteView bytes);
  // The next whole line, without its end; empty lines are left out.
  std::optional<std::string> next();
  // Whether a line was begun and not ended.
  bool partial() const { return begin_ < buffer_.size(); }

 private:
  std::string buffer_;
  std::size_t begin_ = 0;    // of what next() has not given out
  std::size_t scanned_ = 0;  // no line end before this
};

}  // namespace weft::kube
