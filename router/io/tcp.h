// SPDX-License-Identifier: Apache-2.0
// TCP: a listener (IPv4), a connector, and streams with a bounded write queue. The connector takes
// IPv6 addresses and unix sockets as well.
// Callbacks come on the loop's thread, never from inside a call made here.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/ip.h"
#include "router/io/event_loop.h"
#include "router/io/stream_address.h"

namespace weft::io {

// What may wait to be written before a stream refuses more. Several whole topologies of a large
// mesh fit; a neighbour that lets this pile up is not reading.
inline constexpr std::size_t kWriteQueueMax = 64 * 1024 * 1024;
// How long close() waits for the other side to take what was written.
inline constexpr Duration kCloseGrace = std::chrono::seconds(2);

class TcpStream {
 public:
  struct Handlers {
    std::function<void(ByteView)> on_data;
    // Once: the other side closed (code refused, "closed by the peer") or the connection broke. Not
    // after close().
    std::function<void(Error)> on_closed;
    // The write queue has become empty.
    std::function<void()> on_drained;
  };

  struct State;
  explicit TcpStream(std::shared_ptr<State> state);
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;
  ~TcpStream();  // as close()

  // Begins to read. Once.
  void start(Handlers handlers);
  // Queues bytes; too_large, and nothing queued, if the queue is over its bound.
  Result<> write(ByteView bytes);
  std::size_t queued() const;
  // Stops reading, lets what is queued go out (at most kCloseGrace), then resets the connection,
  // as Weave does, so that no port lingers. No more callbacks.
  void close();
  // Resets at once, dropping what is queued. No more callbacks.
  void abort();

  // Zeros if the stream is not one of IPv4.
  Endpoint local() const;
  Endpoint remote() const;

 private:
  std::shared_ptr<State> state_;
};

class TcpListener {
 public:
  using OnAccept = std::function<void(std::unique_ptr<TcpStream>)>;
  // 0.0.0.0 is every address; port 0 is any (see endpoint()).
  static Result<std::unique_ptr<TcpListener>> open(EventLoop& loop, Endpoint at,
                                                   OnAccept on_accept);
  ~TcpListener();
  Endpoint endpoint() const;

  struct State;
  explicit TcpListener(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

// Connection attempts; destroying it drops those under way without a callback.
class TcpConnector {
 public:
  using OnDone = std::function<void(Result<std::unique_ptr<TcpStream>>)>;
  explicit TcpConnector(EventLoop& loop);
  TcpConnector(const TcpConnector&) = delete;
  TcpConnector& operator=(const TcpConnector&) = delete;
  ~TcpConnector();

  struct Attempt {
    StreamAddress to;
    Endpoint from;  // of IPv4; zeros: the kernel chooses
    Duration timeout = std::chrono::seconds(10);
  };
  // The error has the errno: ECONNREFUSED, ETIMEDOUT, ENETUNREACH, …
  void connect(const Attempt& attempt, const OnDone& done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::io
