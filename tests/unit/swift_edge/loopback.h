// SPDX-License-Identifier: Apache-2.0
// Plain sockets on the loopback interface, for tests of the workers' edges.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/ip.h"
#include "router/linux/unique_fd.h"

namespace weft::test {

// What the control thread has: one UDP socket that is bound alone.
class ControlSocket {
 public:
  explicit ControlSocket(std::uint32_t ip = INADDR_LOOPBACK)
      : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_.value(), SOL_UDP, UDP_GRO, &on, sizeof on);
    sockaddr_in address = of({.ip = {ip}, .port = 0});
    REQUIRE(::bind(fd_.value(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(fd_.value(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    at_ = {.ip = {ntohl(address.sin_addr.s_addr)}, .port = ntohs(address.sin_port)};
  }
  int fd() const { return fd_.value(); }
  Endpoint at() const { return at_; }
  void send(Endpoint to, ByteView bytes) const {
    const sockaddr_in address = of(to);
    REQUIRE(::sendto(fd_.value(), bytes.data(), bytes.size(), 0,
                     reinterpret_cast<const sockaddr*>(&address),
                     sizeof address) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  static sockaddr_in of(Endpoint at) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(at.port);
    address.sin_addr.s_addr = htonl(at.ip.value);
    return address;
  }
  linux_net::UniqueFd fd_;
  Endpoint at_;
};

inline bool wait_readable(int fd, int milliseconds = 5000) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, milliseconds) == 1;
}

inline Bytes bytes_starting(int first, int second, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<Byte>(i * 7);
  bytes[0] = static_cast<Byte>(first);
  if (size > 1) bytes[1] = static_cast<Byte>(second);
  return bytes;
}

}  // namespace weft::test
