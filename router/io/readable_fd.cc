// SPDX-License-Identifier: Apache-2.0
#include "router/io/readable_fd.h"

#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "router/io/internal/loop_context.h"

namespace weft::io {

struct ReadableFd::State : std::enable_shared_from_this<ReadableFd::State> {
  State(boost::asio::io_context& context, int fd, std::function<void()> handler)
      : descriptor(context, fd), on_readable(std::move(handler)) {}

  void wait() {
    descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& ec) {
                            if (ec || self->closed) return;
                            self->on_readable();
                            if (!self->closed) self->wait();
                          });
  }

  boost::asio::posix::stream_descriptor descriptor;
  std::function<void()> on_readable;
  bool closed = false;
};

ReadableFd::ReadableFd(EventLoop& loop, int fd, std::function<void()> on_readable)
    : state_(std::make_shared<State>(loop.context().context, fd, std::move(on_readable))) {
  state_->wait();
}

ReadableFd::~ReadableFd() {
  state_->closed = true;
  state_->descriptor.release();  // the descriptor stays open: it is its owner's
}

}  // namespace weft::io
