// SPDX-License-Identifier: Apache-2.0
#include "router/linux/tap.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "router/linux/internal/sys_error.h"
#include "router/linux/link.h"

namespace weft::linux_net {
namespace {

// Since Linux 6.2; libc's headers may be older.
constexpr unsigned kUso4 = 0x20;
constexpr unsigned kUso6 = 0x40;

struct Step {
  unsigned flags = 0;
  TapOffloads meaning{};
};
// From the best to nothing. The kernel takes a set as a whole or refuses it with EINVAL.
constexpr std::array kSteps{
    Step{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | kUso4 | kUso6, {true, true, true}},
    Step{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6, {true, true, false}},
    Step{TUN_F_CSUM, {true, false, false}},
    Step{0, {}},
};

ifreq request_for(std::string_view name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  return request;
}

Result<UniqueFd> open_queue(std::string_view name) {
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return sys_error(errno, "cannot open /dev/net/tun");
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
  if (::ioctl(fd.value(), TUNSETIFF, &request) != 0) {
    const bool other_kind = errno == EINVAL || errno == EBUSY;
    if (!other_kind) return sys_error(errno, "cannot open a queue of the TAP device");
    return Error{Errc::conflict, errno,
                 "the TAP device's name is another kind of interface's: run 'weave reset'"};
  }
  const int size = static_cast<int>(kVnetHeaderSize);
  if (::ioctl(fd.value(), TUNSETVNETHDRSZ, &size) != 0) {
    return sys_error(errno, "cannot set the size of the TAP device's header");
  }
  return fd;
}

Result<TapOffloads> ask_offloads(int fd) {
  for (const Step& step : kSteps) {
    if (::ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(step.flags)) == 0) {
      return step.meaning;
    }
    if (errno != EINVAL) break;
  }
  return sys_error(errno, "cannot set the TAP device's offloads");
}

Result<> set_queue_length(const TapSpec& spec) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return sys_error(errno, "cannot open a socket");
  ifreq request = request_for(spec.name);
  request.ifr_qlen = spec.queue_length;
  if (::ioctl(fd.value(), SIOCSIFTXQLEN, &request) != 0) {
    return sys_error(errno, "cannot set the length of the TAP device's queues");
  }
  return {};
}

}  // namespace

std::string TapOffloads::text() const {
  if (!checksum) return "none";
  return std::string("checksum") + (tcp_segments ? ", TSO" : "") + (udp_segments ? ", USO" : "");
}

Result<Tap> Tap::open(const TapSpec& spec) {
  if (!valid_link_name(spec.name) || spec.queues < 1 || spec.queues > kTapQueuesMax) {
    return Error{Errc::bad_value, 0, "a TAP device has a name and 1 to 256 queues"};
  }
  std::vector<UniqueFd> fds;
  for (int i = 0; i < spec.queues; ++i) {
    auto fd = open_queue(spec.name);
    if (!fd) return fd.error();
    fds.push_back(std::move(*fd));
  }
  auto offloads = ask_offloads(fds.front().value());
  if (!offloads) return offloads.error();
  if (auto done = set_queue_length(spec); !done) return done.error();
  if (::ioctl(fds.front().value(), TUNSETPERSIST, 1UL) != 0) {
    return sys_error(errno, "cannot make the TAP device persistent");
  }
  return Tap(spec.name, std::move(fds), *offloads);
}

}  // namespace weft::linux_net
