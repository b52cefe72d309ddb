// SPDX-License-Identifier: Apache-2.0
// Sockets as the kernel sees them. Asio makes them without close-on-exec, so ours are made here
// and given to Asio.
#pragma once

#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "base/result.h"
#include "router/io/stream_address.h"

namespace weft::io {

// Closes what nobody has released.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&&) = delete;
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd();
  int value() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// `what` must be a literal.
Error socket_error(int sys_errno, std::string_view what);

// An address of any family as the kernel takes it.
struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
  int family() const { return bytes.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};
SocketAddress to_socket_address(const StreamAddress& address);

sockaddr_in to_sockaddr(Endpoint endpoint);
Endpoint to_endpoint(const sockaddr_in& address);
Endpoint local_endpoint(int fd);
Endpoint remote_endpoint(int fd);

void set_option(int fd, int level, int name, int value);

// A non-blocking, close-on-exec socket of this type (SOCK_STREAM, SOCK_DGRAM).
Result<OwnedFd> open_socket(int type, int family = AF_INET);
Result<> bind_socket(int fd, Endpoint at);

// Waiting connections, before the kernel turns more away.
inline constexpr int kBacklog = 1024;
// Bound and listening.
Result<OwnedFd> listen_tcp(Endpoint at);
// As http_server.h says: mode 0600, a stale socket replaced, a served one refused.
Result<OwnedFd> listen_unix(const std::string& path);
// One waiting connection, non-blocking and close-on-exec. The error EAGAIN: none waits.
Result<OwnedFd> accept_one(int listener);

}  // namespace weft::io
