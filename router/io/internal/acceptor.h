// SPDX-License-Identifier: Apache-2.0
// Takes connections off a listening socket of any family, with pauses: when descriptors run out,
// and when its owner has no room.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "router/io/internal/loop_context.h"
#include "router/io/internal/socket.h"

namespace weft::io {

class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  // `ready` says whether there is room for one more; if not, call resume() when there is.
  struct Handlers {
    std::function<bool()> ready;
    std::function<void(OwnedFd)> on_accept;
  };
  Acceptor(LoopContext& loop, OwnedFd listener, Handlers handlers);

  void resume();
  void stop();
  int fd() { return listener_.native_handle(); }

 private:
  void on_waiting();
  void pause();

  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer pause_;
  Handlers handlers_;
  bool waiting_ = false;
  bool stopped_ = false;
};

}  // namespace weft::io
