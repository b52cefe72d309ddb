// SPDX-License-Identifier: Apache-2.0
#include "router/linux/addr.h"

#include <optional>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "router/linux/internal/request.h"
#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {
namespace {

std::optional<IfAddr> parse_addr(nlmsghdr* answer) {
  if (answer->nlmsg_type != RTM_NEWADDR) return std::nullopt;
  const auto* fixed = static_cast<const ifaddrmsg*>(nlmsg_data(answer));
  const Attributes<IFA_MAX> attributes(answer, sizeof(ifaddrmsg));
  const auto local = attributes.ip(IFA_LOCAL);
  const auto ip = local ? local : attributes.ip(IFA_ADDRESS);
  if (fixed->ifa_family != AF_INET || !ip) return std::nullopt;
  const auto cidr = Cidr::make(*ip, fixed->ifa_prefixlen);
  if (!cidr) return std::nullopt;
  return IfAddr{.link = {static_cast<int>(fixed->ifa_index)},
                .address = *cidr,
                .secondary = (fixed->ifa_flags & IFA_F_SECONDARY) != 0};
}

void describe(Request& request, IfIndex link, Cidr address) {
  request
      .fixed(ifaddrmsg{.ifa_family = AF_INET,
                       .ifa_prefixlen = address.prefix_len(),
                       .ifa_index = static_cast<unsigned>(link.value)})
      .ip(IFA_LOCAL, address.addr())
      .ip(IFA_ADDRESS, address.addr());
}

}  // namespace

Result<std::vector<IfAddr>> list_addrs(Netlink& nl) {
  Request request(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);
  request.fixed(ifaddrmsg{.ifa_family = AF_INET});
  return collect<IfAddr>(nl, request, "cannot list addresses", &parse_addr);
}

Result<std::vector<Cidr>> link_addrs(Netlink& nl, IfIndex link) {
  const auto all = list_addrs(nl);
  if (!all) return all.error();
  std::vector<Cidr> mine;
  for (const IfAddr& a : *all) {
    if (a.link == link) mine.push_back(a.address);
  }
  return mine;
}

Result<bool> add_addr(Netlink& nl, IfIndex link, Cidr address) {
  Request request(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  describe(request, link, address);
  // A /31 and a /32 have no broadcast address.
  if (address.prefix_len() < 31) {
    const auto hosts = static_cast<std::uint32_t>(address.size() - 1);
    request.ip(IFA_BROADCAST, address.first() + hosts);
  }
  const auto done = nl.call(request, "cannot add the address");
  if (!done && done.error().sys_errno == EEXIST) return false;
  if (!done) return done.error();
  return true;
}

Result<bool> delete_addr(Netlink& nl, IfIndex link, Cidr address) {
  Request request(RTM_DELADDR, NLM_F_REQUEST);
  describe(request, link, address);
  const auto done = nl.call(request, "cannot delete the address");
  if (!done && done.error().sys_errno == EADDRNOTAVAIL) return false;
  if (!done) return done.error();
  return true;
}

}  // namespace weft::linux_net
