// SPDX-License-Identifier: Apache-2.0
// Tells the service manager how this service is, by the datagrams of sd_notify(3): ready, stopping,
// and, where a watchdog is set, that the event loop still turns. Does nothing where no manager
// asked for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "router/io/event_loop.h"

namespace weft::io {

// What the manager put into our environment, as text; empty: absent.
struct ServiceEnvironment {
  std::string notify_socket;  // NOTIFY_SOCKET: a path, or @name in the abstract namespace
  std::string watchdog_usec;  // WATCHDOG_USEC: silence for so long and we are killed
  std::string watchdog_pid;   // WATCHDOG_PID: whom the watchdog means, if not us it is ignored

  // Of this process. Removes the variables: they are not meant for children.
  static ServiceEnvironment take();
};

class ServiceManager {
 public:
  ServiceManager(EventLoop& loop, ServiceEnvironment environment);

  // The service serves. From now on the watchdog is fed, from the loop.
  void ready(std::string_view status);
  void stopping();

  // Half of what the watchdog allows; none: there is no watchdog.
  std::optional<Duration> feeding_interval() const { return interval_; }

 private:
  void feed();
  void tell(std::string_view message) const;

  EventLoop& loop_;
  std::string socket_;
  std::optional<Duration> interval_;
  Timer timer_;
};

}  // namespace weft::io
