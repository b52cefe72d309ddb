// SPDX-License-Identifier: Apache-2.0
// Wakes a thread that waits for file descriptors. Ringing twice wakes once.
#pragma once

#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/ensure.h"
#include "router/linux/unique_fd.h"

namespace weft::swift {

class Doorbell {
 public:
  Doorbell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    ensure(fd_.valid(), "no file descriptor left for a worker's doorbell");
  }

  int fd() const { return fd_.value(); }  // readable when it has rung
  void ring() const {
    const std::uint64_t one = 1;
    // It can fail only when it has rung 2^64 - 2 times, and then it is readable.
    static_cast<void>(!::write(fd_.value(), &one, sizeof one));
  }
  void silence() const {
    std::uint64_t count = 0;
    static_cast<void>(!::read(fd_.value(), &count, sizeof count));
  }

 private:
  linux_net::UniqueFd fd_;
};

}  // namespace weft::swift
