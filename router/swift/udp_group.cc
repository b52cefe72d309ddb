// SPDX-License-Identifier: Apache-2.0
#include "router/swift/udp_group.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

namespace weft::swift {
namespace {

using linux_net::UniqueFd;

// Asked for; the kernel may give less without CAP_NET_ADMIN.
constexpr int kSocketBuffer = 8 * 1024 * 1024;
// Linux's default, less a number per worker: see WorkerSockets::common.
constexpr int kTimeToLive = 64;
constexpr int kTimesToLive = 16;
// Sets DF and ignores what routers say: the tunnels find the path's MTU with probes of their own.
// IP_PMTUDISC_PROBE, which libc's headers may lack.
constexpr int kProbeMtu = 3;

Error failure(std::string_view what) {
  return {errno == EADDRINUSE ? Errc::conflict : Errc::system, errno, what};
}

bool set(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

void enlarge_buffers(int fd) {
  if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer)) {
    static_cast<void>(set(fd, SOL_SOCKET, SO_RCVBUF, kSocketBuffer));
  }
  if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, kSocketBuffer)) {
    static_cast<void>(set(fd, SOL_SOCKET, SO_SNDBUF, kSocketBuffer));
  }
}

Result<UniqueFd> open_socket(Endpoint at, bool shared) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return failure("cannot open a socket");
  if (!set(fd.value(), IPPROTO_IP, IP_MTU_DISCOVER, kProbeMtu)) {
    return failure("cannot have a socket set DF");
  }
  enlarge_buffers(fd.value());
  if (shared && !set(fd.value(), SOL_SOCKET, SO_REUSEPORT, 1)) {
    return failure("cannot share a port");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(at.port);
  address.sin_addr.s_addr = htonl(at.ip.value);
  if (::bind(fd.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failure("cannot bind a worker's socket");
  }
  return fd;
}

// Which socket of the group gets a datagram, by the order in which they were bound: control, then
// the workers. Offsets count from the UDP payload. One that is too short ends the program with 0.
Result<> steer(int control, int workers) {
  std::array code{
      sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 1, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
      sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 1),
      sock_filter BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, static_cast<unsigned>(workers)),
      sock_filter BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog program{.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  if (::setsockopt(control, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0) {
    return failure("cannot steer datagrams to the workers");
  }
  return {};
}

Result<WorkerSockets> open_worker(Endpoint at, int worker) {
  auto common = open_socket(at, true);
  if (!common) return common.error();
  if (!set(common->value(), IPPROTO_IP, IP_TTL, kTimeToLive - worker % kTimesToLive)) {
    return failure("cannot set a socket's time to live");
  }
  auto own = open_socket({.ip = at.ip, .port = 0}, false);
  if (!own) return own.error();
  // On every socket of the port, or the kernel would join nothing that it takes for this one's.
  const bool trains = set(common->value(), SOL_UDP, UDP_GRO, 1);
  return WorkerSockets{
      .common = std::move(*common), .own = std::move(*own), .receives_trains = trains};
}

}  // namespace

Result<std::vector<WorkerSockets>> open_udp_group(int control, Endpoint at, int workers) {
  if (workers < 1 || workers > kWorkersMax) {
    return Error{Errc::bad_value, 0, "the number of workers is not between 1 and 64"};
  }
  // Only now: while it was bound, nobody else could share the port with it.
  if (!set(control, SOL_SOCKET, SO_REUSEPORT, 1)) return failure("cannot share the port");
  std::vector<WorkerSockets> sockets;
  for (int worker = 0; worker < workers; ++worker) {
    auto opened = open_worker(at, worker);
    if (!opened) return opened.error();
    sockets.push_back(std::move(*opened));
  }
  if (auto steered = steer(control, workers); !steered) return steered.error();
  return sockets;
}

}  // namespace weft::swift
