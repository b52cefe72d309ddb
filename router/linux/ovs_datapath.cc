// SPDX-License-Identifier: Apache-2.0
#include "router/linux/ovs_datapath.h"

#include <linux/genetlink.h>
#include <linux/openvswitch.h>

#include "router/linux/internal/request.h"
#include "router/linux/internal/sys_error.h"
#include "router/linux/link.h"

namespace weft::linux_net {
namespace {

constexpr std::string_view kKind = "openvswitch";

genlmsghdr command(std::uint8_t what, std::uint8_t version) {
  genlmsghdr header{};
  header.cmd = what;
  header.version = version;
  return header;
}

// The number that the kernel gave to the module's messages. not_found: it is not loaded.
Result<int> family_number(Netlink& generic) {
  Request ask(GENL_ID_CTRL, NLM_F_REQUEST);
  ask.fixed(command(CTRL_CMD_GETFAMILY, 1)).text(CTRL_ATTR_FAMILY_NAME, OVS_DATAPATH_FAMILY);
  int number = 0;
  const auto asked = generic.query(ask, "cannot find openvswitch", [&](nlmsghdr* answer) {
    const nlattr* id =
        nlmsg_find_attr(answer, static_cast<int>(sizeof(genlmsghdr)), CTRL_ATTR_FAMILY_ID);
    if (id != nullptr) number = nla_get_u16(id);
  });
  if (!asked) return asked.error();
  if (number == 0) return sys_error(ENOENT, "cannot find openvswitch");
  return number;
}

}  // namespace

Result<bool> delete_ovs_datapath(std::string_view name) {
  auto links = Netlink::open();
  if (!links) return links.error();
  const auto link = find_link(*links, name);
  if (!link && link.error().code == Errc::not_found) return false;
  if (!link) return link.error();
  if (link->kind != kKind) return false;
  auto generic = Netlink::open_generic();
  if (!generic) return generic.error();
  const auto family = family_number(*generic);
  if (!family && family.error().code == Errc::not_found) return false;
  if (!family) return family.error();
  Request gone(*family, NLM_F_REQUEST);
  // By its name; the number of a datapath's device would do as well.
  gone.fixed(command(OVS_DP_CMD_DEL, OVS_DATAPATH_VERSION)).fixed(ovs_header{});
  gone.text(OVS_DP_ATTR_NAME, name);
  if (auto done = generic->call(gone, "cannot delete the openvswitch datapath"); !done) {
    return done.error();
  }
  return true;
}

}  // namespace weft::linux_net
