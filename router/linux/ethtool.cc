// SPDX-License-Identifier: Apache-2.0
#include "router/linux/ethtool.h"

#include <array>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "router/linux/internal/sys_error.h"
#include "router/linux/link.h"
#include "router/linux/unique_fd.h"

namespace weft::linux_net {
namespace {

struct Knob {
  std::optional<bool> Offloads::*field;
  std::uint32_t read;
  std::uint32_t write;
};

// In the order in which the kernel lets them be switched on: segmentation needs scatter-gather,
// which needs checksums.
constexpr std::array kKnobs{
    Knob{&Offloads::rx_checksum, ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM},
    Knob{&Offloads::tx_checksum, ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM},
    Knob{&Offloads::scatter_gather, ETHTOOL_GSG, ETHTOOL_SSG},
    Knob{&Offloads::tso, ETHTOOL_GTSO, ETHTOOL_STSO},
    Knob{&Offloads::gso, ETHTOOL_GGSO, ETHTOOL_SGSO},
    Knob{&Offloads::gro, ETHTOOL_GGRO, ETHTOOL_SGRO},
};

// One ethtool question or order; the errno, or 0.
int ask(int fd, std::string_view link, ethtool_value& value) {
  ifreq request{};
  std::memcpy(request.ifr_name, link.data(), link.size());
  request.ifr_data = reinterpret_cast<char*>(&value);
  return ::ioctl(fd, SIOCETHTOOL, &request) == 0 ? 0 : errno;
}

Result<UniqueFd> open_socket(std::string_view link) {
  if (!valid_link_name(link)) return sys_error(ENODEV, "no such network interface");
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return sys_error(errno, "cannot open a socket");
  return fd;
}

}  // namespace

Result<Offloads> offloads(std::string_view link) {
  const auto fd = open_socket(link);
  if (!fd) return fd.error();
  Offloads found;
  for (const Knob& knob : kKnobs) {
    ethtool_value value{.cmd = knob.read, .data = 0};
    const int failed = ask(fd->value(), link, value);
    if (failed == EOPNOTSUPP) continue;
    if (failed != 0) return sys_error(failed, "cannot read the interface's offloads");
    found.*knob.field = value.data != 0;
  }
  return found;
}

Result<> set_offloads(std::string_view link, const Offloads& wanted) {
  const auto fd = open_socket(link);
  if (!fd) return fd.error();
  for (const Knob& knob : kKnobs) {
    const std::optional<bool> on = wanted.*knob.field;
    if (!on) continue;
    ethtool_value value{.cmd = knob.write, .data = *on ? 1U : 0U};
    const int failed = ask(fd->value(), link, value);
    if (failed == EOPNOTSUPP && !*on) continue;
    if (failed != 0) return sys_error(failed, "cannot change the interface's offloads");
  }
  return {};
}

}  // namespace weft::linux_net
