// SPDX-License-Identifier: Apache-2.0
// The virtual clock and what is to happen on it; and the story of a history, kept for whoever has
// to understand a failure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <utility>

#include "base/time_point.h"

namespace weft::sim {

class Timeline {
 public:
  // With a stream, tell() writes to it as it happens.
  explicit Timeline(std::ostream* story = nullptr) : story_(story) {}

  TimePoint now() const { return now_; }
  void advance(TimePoint to) { now_ = std::max(now_, to); }

  // Events of one moment happen in the order they were asked for.
  void at(TimePoint when, std::function<void()> what) { queue_.emplace(when, std::move(what)); }
  void after(Duration later, std::function<void()> what) { at(now_ + later, std::move(what)); }
  bool empty() const { return queue_.empty(); }
  TimePoint next() const { return queue_.begin()->first; }
  std::function<void()> take() {
    auto what = std::move(queue_.begin()->second);
    queue_.erase(queue_.begin());
    return what;
  }

  bool is_told() const { return story_ != nullptr; }
  void tell(const std::string& line) {
    if (story_ == nullptr) return;
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - kStart).count();
    std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    *story_ << ms / 1000 << '.' << fraction << "  " << line << '\n';
  }

 private:
  static constexpr TimePoint kStart{std::chrono::hours(1)};

  TimePoint now_ = kStart;
  std::multimap<TimePoint, std::function<void()>> queue_;
  std::ostream* story_;
};

}  // namespace weft::sim
