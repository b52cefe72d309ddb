// SPDX-License-Identifier: Apache-2.0
// Tells when somebody else's file descriptor has something to read.
#pragma once

#include <functional>
#include <memory>

#include "router/io/event_loop.h"

namespace weft::io {

class ReadableFd {
 public:
  // `fd` stays its owner's and must outlive this. Called again as long as something is left.
  ReadableFd(EventLoop& loop, int fd, std::function<void()> on_readable);
  ReadableFd(const ReadableFd&) = delete;
  ReadableFd& operator=(const ReadableFd&) = delete;
  ~ReadableFd();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::io
