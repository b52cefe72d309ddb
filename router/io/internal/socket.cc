// SPDX-License-Identifier: Apache-2.0
#include "router/io/internal/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace weft::io {

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

Error socket_error(int sys_errno, std::string_view what) {
  switch (sys_errno) {
    case ECONNREFUSED:
    case ENOENT:
      return {Errc::refused, sys_errno, what};
    case EADDRINUSE:
      return {Errc::conflict, sys_errno, what};
    default:
      return {Errc::system, sys_errno, what};
  }
}

namespace {

template <class Native>
SocketAddress wrap(const Native& native) {
  SocketAddress out;
  std::memcpy(&out.bytes, &native, sizeof native);
  out.size = sizeof native;
  return out;
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

sockaddr_in6 ipv6_address(const Ipv6Endpoint& at) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(at.port);
  address.sin6_scope_id = at.scope;
  std::copy(at.ip.begin(), at.ip.end(), std::begin(address.sin6_addr.s6_addr));
  return address;
}

}  // namespace

SocketAddress to_socket_address(const StreamAddress& address) {
  if (const auto* path = std::get_if<UnixPath>(&address.where)) {
    return wrap(unix_address(path->path));
  }
  if (const auto* six = std::get_if<Ipv6Endpoint>(&address.where)) return wrap(ipv6_address(*six));
  return wrap(to_sockaddr(std::get<Endpoint>(address.where)));
}

sockaddr_in to_sockaddr(Endpoint endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  address.sin_addr.s_addr = htonl(endpoint.ip.value);
  return address;
}

Endpoint to_endpoint(const sockaddr_in& address) {
  return {.ip = {ntohl(address.sin_addr.s_addr)}, .port = ntohs(address.sin_port)};
}

Endpoint local_endpoint(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return to_endpoint(address);
}

Endpoint remote_endpoint(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return to_endpoint(address);
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

Result<OwnedFd> open_socket(int type, int family) {
  OwnedFd fd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.value() < 0) return socket_error(errno, "cannot open a socket");
  return fd;
}

Result<> bind_socket(int fd, Endpoint at) {
  const sockaddr_in address = to_sockaddr(at);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return socket_error(errno, "cannot bind to the address");
  }
  return {};
}

Result<OwnedFd> listen_tcp(Endpoint at) {
  auto fd = open_socket(SOCK_STREAM);
  if (!fd) return fd;
  set_option(fd->value(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (auto bound = bind_socket(fd->value(), at); !bound) return bound.error();
  if (::listen(fd->value(), kBacklog) != 0) return socket_error(errno, "cannot listen");
  return fd;
}

namespace {

// Does somebody answer at this unix socket?
bool is_served(const sockaddr_un& address) {
  const OwnedFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return true;
  }
  return errno == EAGAIN;  // its backlog is full
}

}  // namespace

Result<OwnedFd> listen_unix(const std::string& path) {
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.value() < 0) return socket_error(errno, "cannot open a socket");
  const sockaddr_un address = unix_address(path);
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return Error{Errc::conflict, EEXIST, "a file with the socket's name is in the way"};
    }
    if (is_served(address)) return socket_error(EADDRINUSE, "somebody serves that socket");
    ::unlink(path.c_str());
  }
  // The mode is right from the first moment. The loop's thread is the only one that makes files.
  const mode_t before = ::umask(0177);
  const int rc = ::bind(fd.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int failed = errno;
  ::umask(before);
  if (rc != 0) return Error{Errc::system, failed, "cannot bind the unix socket"};
  if (::listen(fd.value(), kBacklog) != 0) return socket_error(errno, "cannot listen");
  return fd;
}

Result<OwnedFd> accept_one(int listener) {
  while (true) {
    OwnedFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.value() >= 0) return fd;
    // Connections that broke while they waited are no reason to stop.
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    return socket_error(errno, "cannot accept a connection");
  }
}

}  // namespace weft::io
