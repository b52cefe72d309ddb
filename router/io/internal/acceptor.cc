// SPDX-License-Identifier: Apache-2.0
#include "router/io/internal/acceptor.h"

#include <cerrno>

namespace weft::io {
namespace {

// Connections taken before the loop looks at anything else.
constexpr int kAcceptBatch = 32;
// Until descriptors are tried again after they ran out.
constexpr std::chrono::milliseconds kPause{100};

}  // namespace

Acceptor::Acceptor(LoopContext& loop, OwnedFd listener, Handlers handlers)
    : listener_(loop.io, listener.release()), pause_(loop.io), handlers_(std::move(handlers)) {}

void Acceptor::resume() {
  if (waiting_ || stopped_) return;
  waiting_ = true;
  listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](boost::system::error_code failed) {
                         self->waiting_ = false;
                         if (!failed && !self->stopped_) self->on_waiting();
                       });
}

void Acceptor::stop() {
  stopped_ = true;
  pause_.cancel();
  boost::system::error_code ignored;
  listener_.close(ignored);
}

void Acceptor::on_waiting() {
  for (int i = 0; i < kAcceptBatch && !stopped_; ++i) {
    if (!handlers_.ready()) return;
    auto taken = accept_one(fd());
    if (!taken && taken.error().sys_errno == EAGAIN) break;
    if (!taken) return pause();
    handlers_.on_accept(std::move(*taken));
  }
  resume();
}

void Acceptor::pause() {
  pause_.expires_after(kPause);
  pause_.async_wait([self = shared_from_this()](boost::system::error_code failed) {
    if (!failed) self->resume();
  });
}

}  // namespace weft::io
