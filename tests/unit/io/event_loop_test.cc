// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <optional>
#include <thread>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "io_test.h"
#include "router/io/readable_fd.h"
#include "router/io/resolver.h"

using namespace weft;
using namespace weft::io;
using std::chrono::milliseconds;

TEST_CASE("timer: arm: deadlines come in their order, whatever the order of arming") {
  EventLoop loop;
  std::vector<int> order;
  Timer late(loop, [&] { order.push_back(2); });
  Timer soon(loop, [&] { order.push_back(1); });
  const TimePoint start = loop.now();
  late.arm(start + milliseconds(20));
  soon.arm(start + milliseconds(5));
  CHECK(run_until(loop, [&] { return order.size() == 2; }));
  CHECK(order == std::vector{1, 2});
  CHECK(loop.now() >= start + milliseconds(20));
}

TEST_CASE("timer: arm: a replaced, disarmed or destroyed deadline is never reported") {
  EventLoop loop;
  int replaced = 0;
  int disarmed = 0;
  int destroyed = 0;
  Timer a(loop, [&] { ++replaced; });
  Timer b(loop, [&] { ++disarmed; });
  std::optional<Timer> c(std::in_place, loop, [&] { ++destroyed; });
  const TimePoint past = loop.now() - milliseconds(1);
  a.arm(past);
  a.arm(loop.now() + milliseconds(5));
  b.arm(past);
  b.arm(std::nullopt);
  c->arm(past);
  c.reset();
  CHECK(run_until(loop, [&] { return replaced == 1; }));
  loop.run_for(milliseconds(10));
  CHECK(replaced == 1);
  CHECK(disarmed == 0);
  CHECK(destroyed == 0);
}

TEST_CASE("timer: arm: a callback may arm its own timer again") {
  EventLoop loop;
  int ticks = 0;
  std::optional<Timer> timer;
  timer.emplace(loop, [&] {
    if (++ticks < 5) timer->arm(loop.now() + milliseconds(1));
  });
  timer->arm(loop.now());
  CHECK(run_until(loop, [&] { return ticks == 5; }));
}

TEST_CASE("event loop: post: work from another thread runs on the loop's, and stop ends run") {
  EventLoop loop;
  std::thread::id ran_on;
  Timer keep_alive(loop, [] {});
  keep_alive.arm(loop.now() + std::chrono::hours(1));
  std::thread other([&] {
    loop.post([&] {
      ran_on = std::this_thread::get_id();
      loop.stop();
    });
  });
  loop.run();
  other.join();
  CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("event loop: signals: each is reported, the second one too") {
  EventLoop loop;
  std::vector<int> seen;
  REQUIRE(loop.on_signals({SIGUSR1, SIGUSR2}, [&](int signal) { seen.push_back(signal); }));
  std::raise(SIGUSR1);
  CHECK(run_until(loop, [&] { return seen.size() == 1; }));
  std::raise(SIGUSR2);
  CHECK(run_until(loop, [&] { return seen.size() == 2; }));
  CHECK(seen == std::vector{SIGUSR1, SIGUSR2});
}

TEST_CASE("event loop: clock: the offset gives the wall clock's time") {
  EventLoop loop;
  const auto wall = loop.wall_offset().wall(loop.now());
  const auto apart = std::chrono::system_clock::now() - wall;
  CHECK(apart < std::chrono::seconds(5));
  CHECK(apart > -std::chrono::seconds(5));
}

TEST_CASE("readable fd: readiness: called as long as something is left, and may end itself") {
  EventLoop loop;
  const int fd = ::eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
  int calls = 0;
  std::optional<ReadableFd> watch;
  watch.emplace(loop, fd, [&] {
    eventfd_t one = 0;
    ::eventfd_read(fd, &one);
    if (++calls == 3) watch.reset();
  });
  CHECK(run_until(loop, [&] { return calls == 3; }));
  ::eventfd_write(fd, 1);
  loop.run_for(milliseconds(5));
  CHECK(calls == 3);
  // The descriptor is still its owner's.
  CHECK(::eventfd_write(fd, 1) == 0);
  ::close(fd);
}

TEST_CASE("resolver: literals and localhost: found; impossible names: an error") {
  EventLoop loop;
  Resolver resolver(loop);
  std::vector<Ipv4Addr> literal;
  std::vector<Ipv4Addr> localhost;
  std::optional<Error> impossible;
  resolver.resolve("192.0.2.7", [&](auto found) { literal = *found; });
  resolver.resolve("localhost", [&](auto found) { localhost = *found; });
  resolver.resolve("no such name", [&](auto found) { impossible = found.error(); });
  CHECK(literal.empty());
  CHECK(run_until(loop, [&] { return impossible.has_value() && !localhost.empty(); }));
  CHECK(literal == std::vector{*Ipv4Addr::parse("192.0.2.7")});
  CHECK(localhost == std::vector{*Ipv4Addr::parse("127.0.0.1")});
}

TEST_CASE("resolver: destruction: lookups under way are dropped without a callback") {
  EventLoop loop;
  bool called = false;
  {
    Resolver resolver(loop);
    for (int i = 0; i < 20; ++i)
      resolver.resolve("localhost", [&](auto) { called = true; });
  }
  loop.run_for(milliseconds(50));
  CHECK_FALSE(called);
}
