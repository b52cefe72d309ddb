// SPDX-License-Identifier: Apache-2.0
#include "router/io/service_manager.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

namespace weft::io {
namespace {

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::optional<Duration> interval_of(const ServiceEnvironment& environment) {
  const auto microseconds = parse_u64(environment.watchdog_usec);
  if (!microseconds || *microseconds == 0) return std::nullopt;
  const bool is_ours =
      environment.watchdog_pid.empty() || environment.watchdog_pid == std::to_string(::getpid());
  if (!is_ours) return std::nullopt;
  constexpr std::uint64_t kLongest = 3'600'000'000;  // an hour: later is never
  return std::chrono::microseconds(std::min(*microseconds, kLongest) / 2);
}

}  // namespace

ServiceEnvironment ServiceEnvironment::take() {
  return {.notify_socket = take_variable("NOTIFY_SOCKET"),
          .watchdog_usec = take_variable("WATCHDOG_USEC"),
          .watchdog_pid = take_variable("WATCHDOG_PID")};
}

ServiceManager::ServiceManager(EventLoop& loop, ServiceEnvironment environment)
    : loop_(loop),
      socket_(std::move(environment.notify_socket)),
      interval_(socket_.empty() ? std::nullopt : interval_of(environment)),
      timer_(loop, [this] { feed(); }) {}

void ServiceManager::ready(std::string_view status) {
  tell("READY=1\nSTATUS=" + std::string(status));
  if (interval_) timer_.arm(loop_.now() + *interval_);
}

void ServiceManager::stopping() {
  tell("STOPPING=1\nSTATUS=stopping");
}

void ServiceManager::feed() {
  tell("WATCHDOG=1");
  timer_.arm(loop_.now() + *interval_);
}

void ServiceManager::tell(std::string_view message) const {
  sockaddr_un to{};
  if (socket_.empty() || socket_.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::copy(socket_.begin(), socket_.end(), to.sun_path);
  if (socket_[0] == '@') to.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // A manager that is gone, or does not read, is no reason to stop serving.
  (void)::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), size);
  ::close(fd);
}

}  // namespace weft::io
