// SPDX-License-Identifier: Apache-2.0
#include "router/linux/neighbour.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "router/linux/internal/sys_error.h"
#include "router/linux/unique_fd.h"

namespace weft::linux_net {
namespace {

constexpr std::uint64_t kBroadcastMac = 0xffffffffffff;

Bytes gratuitous_arp(MacAddr mac, Ipv4Addr address) {
  Bytes frame;
  Writer(frame).u48(kBroadcastMac).u48(mac.value).u16(ETH_P_ARP);
  Writer(frame).u16(ARPHRD_ETHER).u16(ETH_P_IP).u8(6).u8(4).u16(ARPOP_REQUEST);
  Writer(frame).u48(mac.value).u32(address.value).u48(0).u32(address.value);
  return frame;
}

}  // namespace

Result<> announce_address(IfIndex link, MacAddr mac, Ipv4Addr address) {
  // Protocol 0: this socket only sends.
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return sys_error(errno, "cannot open a packet socket");
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = link.value;
  const Bytes frame = gratuitous_arp(mac, address);
  if (::sendto(fd.value(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof to) < 0) {
    return sys_error(errno, "cannot announce the address");
  }
  return {};
}

}  // namespace weft::linux_net
