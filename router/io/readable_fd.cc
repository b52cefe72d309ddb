// SPDX-License-Identifier: Apache-2.0
#include "router/io/readable_fd.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include "router/io/internal/loop_context.h"

namespace weft::io {

struct ReadableFd::State : std::enable_shared_from_this<State> {
  State(LoopContext& loop, int fd, std::function<void()> callback)
      : descriptor(loop.io, fd), on_readable(std::move(callback)) {}

  void wait() {
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](boost::system::error_code failed) {
                            if (failed || self->ended) return;
                            self->on_readable();
                            if (!self->ended) self->wait();
                          });
  }

  boost::asio::posix::stream_descriptor descriptor;
  std::function<void()> on_readable;
  bool ended = false;
};

ReadableFd::ReadableFd(EventLoop& loop, int fd, std::function<void()> on_readable)
    : state_(std::make_shared<State>(loop.context(), fd, std::move(on_readable))) {
  state_->wait();
}

ReadableFd::~ReadableFd() {
  state_->ended = true;
  state_->descriptor.release();
}

}  // namespace weft::io
