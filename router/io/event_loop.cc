// SPDX-License-Identifier: Apache-2.0
#include "router/io/event_loop.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/ensure.h"
#include "router/io/internal/loop_context.h"

namespace weft::io {
namespace {

void wait_for_signal(LoopContext& loop, const std::shared_ptr<std::function<void(int)>>& handler) {
  loop.signals->async_wait([&loop, handler](boost::system::error_code failed, int signal) {
    if (failed) return;
    (*handler)(signal);
    wait_for_signal(loop, handler);
  });
}

}  // namespace

EventLoop::EventLoop() : context_(std::make_unique<LoopContext>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  context_->io.restart();
  context_->io.run();
}

void EventLoop::run_for(Duration at_most) {
  context_->io.restart();
  context_->io.run_for(at_most);
}

void EventLoop::stop() {
  context_->io.stop();
}

void EventLoop::post(std::function<void()> work) {
  boost::asio::post(context_->io, std::move(work));
}

Result<> EventLoop::on_signals(const std::vector<int>& signals, std::function<void(int)> handler) {
  ensure(!context_->signals, "signals are watched once");
  context_->signals.emplace(context_->io);
  for (const int signal : signals) {
    boost::system::error_code failed;
    context_->signals->add(signal, failed);
    if (failed) return Error{Errc::system, failed.value(), "cannot watch a signal"};
  }
  wait_for_signal(*context_, std::make_shared<std::function<void(int)>>(std::move(handler)));
  return {};
}

TimePoint EventLoop::now() const {
  return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

WallOffset EventLoop::wall_offset() const {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<Duration>(wall) - now().time_since_epoch()};
}

struct Timer::State {
  State(EventLoop& loop, std::function<void()> callback)
      : timer(loop.context().io), on_expiry(std::move(callback)) {}

  boost::asio::steady_timer timer;
  std::function<void()> on_expiry;
  std::optional<TimePoint> deadline;
};

Timer::Timer(EventLoop& loop, std::function<void()> on_expiry)
    : state_(std::make_shared<State>(loop, std::move(on_expiry))) {}

Timer::~Timer() {
  arm(std::nullopt);
}

void Timer::arm(std::optional<TimePoint> deadline) {
  if (state_->deadline == deadline) return;
  state_->deadline = deadline;
  if (!deadline) {
    state_->timer.cancel();
    return;
  }
  state_->timer.expires_at(native(*deadline));
  state_->timer.async_wait([state = state_, at = *deadline](boost::system::error_code failed) {
    // One that was queued as due before it was replaced comes without an error.
    if (failed || state->deadline != at) return;
    state->deadline.reset();
    state->on_expiry();
  });
}

}  // namespace weft::io
