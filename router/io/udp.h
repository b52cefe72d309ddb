// SPDX-License-Identifier: Apache-2.0
// The overlays' UDP socket: one IPv4 port, read and written in batches. One socket serves both
// kinds of datagram, with and without "don't fragment": the kernel looks at the socket's setting
// at the moment of sending, and only this thread sends. Equal datagrams that follow one another are
// fetched from the kernel in one piece (UDP_GRO) and taken apart here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/ip.h"
#include "router/io/event_loop.h"

namespace weft::io {

struct ReceivedDatagram {
  Endpoint from;
  ByteSpan bytes;  // may be changed in place; valid during the callback
};

struct OutgoingDatagram {
  Endpoint to;
  Ipv4Addr from;  // zeros: the kernel chooses
  bool df = false;
  ByteView bytes;
};

struct UdpCounters {
  std::uint64_t received = 0, received_bytes = 0;
  std::uint64_t sent = 0, sent_bytes = 0;
  std::uint64_t too_big = 0;      // EMSGSIZE on the don't-fragment path
  std::uint64_t buffer_full = 0;  // dropped: the send buffer was full
  std::uint64_t send_errors = 0;  // dropped: no route, refused by a firewall, …
  std::uint64_t overflowed = 0;   // lost by the kernel: the receive buffer was full
};

class UdpSocket {
 public:
  using OnBatch = std::function<void(std::span<const ReceivedDatagram>)>;
  // Called during send() for each datagram that the path cannot carry whole: its place in the
  // batch, and the path MTU (of the IP packet) that the kernel knows, 0 if it knows none.
  using OnTooBig = std::function<void(std::size_t index, int path_mtu)>;

  // 0.0.0.0 is every address; port 0 is any.
  static Result<std::unique_ptr<UdpSocket>> open(EventLoop& loop, Endpoint at);
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  ~UdpSocket();

  // Begins to read. Once.
  void start(OnBatch on_batch);
  void send(std::span<const OutgoingDatagram> batch, const OnTooBig& on_too_big);
  Endpoint endpoint() const;
  // For options that concern a group of sockets on one port. Stays this object's.
  int fd() const;
  const UdpCounters& counters() const;

  struct State;
  explicit UdpSocket(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

// The path MTU towards `to` that the kernel has learnt, or the route's; 0 if there is no route.
int path_mtu(Ipv4Addr from, Endpoint to);

}  // namespace weft::io
