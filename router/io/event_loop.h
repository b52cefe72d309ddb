// SPDX-License-Identifier: Apache-2.0
// The control thread's event loop: signals, timers and everything else in this folder run on it.
// It is also the only place where the daemon reads a clock.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/time_point.h"

namespace weft::io {

struct LoopContext;  // Asio's; internal/loop_context.h

class EventLoop {
 public:
  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // Until stop() is called or nothing is left to wait for.
  void run();
  // For tests and short-lived programs: returns after this long at the latest.
  void run_for(Duration at_most);
  void stop();
  // Runs `work` later on the loop's thread. The only member that other threads may call.
  void post(std::function<void()> work);

  // Calls `handler` with each of these signals for as long as the loop lives. Once.
  Result<> on_signals(const std::vector<int>& signals, std::function<void(int)> handler);

  TimePoint now() const;  // monotonic
  WallOffset wall_offset() const;

  LoopContext& context() { return *context_; }

 private:
  std::unique_ptr<LoopContext> context_;
};

// One deadline. Arming again replaces it; a callback is never called for a deadline that was
// replaced, nor after destruction.
class Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> on_expiry);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  void arm(std::optional<TimePoint> deadline);  // none: disarm

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::io
