// SPDX-License-Identifier: Apache-2.0
#include "router/linux/veth.h"

#include <linux/veth.h>

#include "router/linux/internal/link_request.h"
#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {
namespace {

void describe_end(Request& request, const std::string& name, int mtu,
                  const std::optional<MacAddr>& mac) {
  request.text(IFLA_IFNAME, name);
  if (mtu != 0) request.i32(IFLA_MTU, mtu);
  if (mac) request.mac(IFLA_ADDRESS, *mac);
}

}  // namespace

Result<> create_veth(Netlink& nl, const VethSpec& spec) {
  if (!valid_link_name(spec.name) || !valid_link_name(spec.peer_name)) {
    return sys_error(EINVAL, "not a name for an interface");
  }
  Request request(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  request.fixed(ifinfomsg{});
  describe_end(request, spec.name, spec.mtu, spec.mac);
  request.nest(IFLA_LINKINFO, [&] {
    request.text(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, [&] {
      request.nest(VETH_INFO_PEER, [&] {
        request.fixed(ifinfomsg{});
        describe_end(request, spec.peer_name, spec.mtu, spec.peer_mac);
        if (spec.peer_ns != nullptr) request.i32(IFLA_NET_NS_FD, spec.peer_ns->fd());
      });
    });
  });
  return nl.call(request, "cannot create a veth pair");
}

}  // namespace weft::linux_net
