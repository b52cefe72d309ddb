// SPDX-License-Identifier: Apache-2.0
// A service manager played by a datagram socket: what it is told, and when.
#include "router/io/service_manager.h"

#include <array>
#include <cstddef>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace weft;
using namespace weft::io;

namespace {

class FakeManager {
 public:
  FakeManager()
      : name_("@weft-test-" + std::to_string(::getpid())),
        fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::copy(name_.begin() + 1, name_.end(), at.sun_path + 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) == 0);
  }
  FakeManager(const FakeManager&) = delete;
  FakeManager& operator=(const FakeManager&) = delete;
  ~FakeManager() { ::close(fd_); }

  const std::string& name() const { return name_; }
  // The oldest message not yet read; empty if there is none.
  std::string heard() const {
    std::array<char, 512> buffer{};
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string();
  }

 private:
  std::string name_;
  int fd_;
};

}  // namespace

TEST_CASE("service manager: ready: is told once, and no watchdog is fed unless there is one") {
  FakeManager manager;
  EventLoop loop;
  ServiceManager service(loop, {.notify_socket = manager.name()});
  CHECK_FALSE(service.feeding_interval());
  service.ready("serving");
  loop.run_for(std::chrono::milliseconds(20));
  CHECK(manager.heard() == "READY=1\nSTATUS=serving");
  CHECK(manager.heard().empty());
  service.stopping();
  CHECK(manager.heard() == "STOPPING=1\nSTATUS=stopping");
}

TEST_CASE("service manager: watchdog: it is fed twice in its time, but not before we are ready") {
  FakeManager manager;
  EventLoop loop;
  ServiceManager service(loop, {.notify_socket = manager.name(),
                                .watchdog_usec = "10000",
                                .watchdog_pid = std::to_string(::getpid())});
  CHECK(service.feeding_interval() == std::chrono::milliseconds(5));
  loop.run_for(std::chrono::milliseconds(20));
  CHECK(manager.heard().empty());
  service.ready("serving");
  loop.run_for(std::chrono::milliseconds(100));
  CHECK(manager.heard() == "READY=1\nSTATUS=serving");
  CHECK(manager.heard() == "WATCHDOG=1");
  CHECK(manager.heard() == "WATCHDOG=1");
}

TEST_CASE("service manager: environment: what is not meant for us, or senseless, is no watchdog") {
  EventLoop loop;
  for (const char* usec : {"", "0", "soon", "-5"}) {
    ServiceManager service(loop, {.notify_socket = "@x", .watchdog_usec = usec});
    CHECK_FALSE(service.feeding_interval());
  }
  ServiceManager of_another(
      loop, {.notify_socket = "@x", .watchdog_usec = "1000000", .watchdog_pid = "1"});
  CHECK_FALSE(of_another.feeding_interval());
  ServiceManager without_manager(loop, {.watchdog_usec = "1000000"});
  CHECK_FALSE(without_manager.feeding_interval());
  without_manager.ready("nobody hears");
}

TEST_CASE("service manager: a path too long, or to nowhere, is not a reason to fail") {
  EventLoop loop;
  ServiceManager(loop, {.notify_socket = std::string(300, 'x')}).ready("x");
  ServiceManager(loop, {.notify_socket = "/nowhere/at/all"}).ready("x");
}
