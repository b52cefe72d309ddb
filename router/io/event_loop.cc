// SPDX-License-Identifier: Apache-2.0
#include "router/io/event_loop.h"

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "router/io/internal/loop_context.h"

namespace weft::io {
namespace {

namespace asio = boost::asio;
using SteadyPoint = std::chrono::steady_clock::time_point;

SteadyPoint to_steady(TimePoint t) {
  return SteadyPoint(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(t.time_since_epoch()));
}

void wait_for_signal(asio::signal_set& signals, std::function<void(int)> handler) {
  signals.async_wait(
      [&signals, handler = std::move(handler)](const boost::system::error_code& ec, int signal) {
        if (ec) return;
        handler(signal);
        wait_for_signal(signals, handler);
      });
}

}  // namespace

EventLoop::EventLoop() : context_(std::make_unique<LoopContext>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  context_->context.restart();
  context_->context.run();
}

void EventLoop::run_for(Duration at_most) {
  context_->context.restart();
  context_->context.run_for(at_most);
}

void EventLoop::stop() {
  context_->context.stop();
}

void EventLoop::post(std::function<void()> work) {
  asio::post(context_->context, std::move(work));
}

Result<> EventLoop::on_signals(const std::vector<int>& signals, std::function<void(int)> handler) {
  context_->signals = std::make_unique<asio::signal_set>(context_->context);
  for (int signal : signals) {
    boost::system::error_code ec;
    context_->signals->add(signal, ec);
    if (ec) return failure(ec, "cannot watch a signal");
  }
  wait_for_signal(*context_->signals, std::move(handler));
  return {};
}

TimePoint EventLoop::now() const {
  return TimePoint(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

WallOffset EventLoop::wall_offset() const {
  auto wall =
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch());
  return {.since_epoch = wall - now().time_since_epoch()};
}

struct Timer::State {
  State(asio::io_context& context, std::function<void()> handler)
      : timer(context), on_expiry(std::move(handler)) {}
  asio::steady_timer timer;
  std::function<void()> on_expiry;
  std::uint64_t generation = 0;  // an expiry that was already queued when re-armed is stale
};

Timer::Timer(EventLoop& loop, std::function<void()> on_expiry)
    : state_(std::make_shared<State>(loop.context().context, std::move(on_expiry))) {}

Timer::~Timer() {
  arm(std::nullopt);
}

void Timer::arm(std::optional<TimePoint> deadline) {
  std::uint64_t generation = ++state_->generation;
  if (!deadline) {
    state_->timer.cancel();
    return;
  }
  state_->timer.expires_at(to_steady(*deadline));
  state_->timer.async_wait([state = state_, generation](const boost::system::error_code& ec) {
    if (!ec && state->generation == generation) state->on_expiry();
  });
}

}  // namespace weft::io
