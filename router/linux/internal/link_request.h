// SPDX-License-Identifier: Apache-2.0
// Messages about links that several files build.
#pragma once

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "router/linux/internal/request.h"

namespace weft::linux_net {

// A change of one existing link; add attributes to request().
class LinkChange {
 public:
  explicit LinkChange(IfIndex link) : request_(RTM_NEWLINK, NLM_F_REQUEST) {
    request_.fixed(ifinfomsg{.ifi_index = link.value});
  }
  Request& request() { return request_; }

 private:
  Request request_;
};

// A new link of a kind that needs no settings. EEXIST if the name is taken.
inline Result<> create_link(Netlink& nl, std::string_view name, std::string_view kind,
                            std::string_view what) {
  Request request(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
  request.fixed(ifinfomsg{}).text(IFLA_IFNAME, name).nest(IFLA_LINKINFO, [&] {
    request.text(IFLA_INFO_KIND, kind);
  });
  return nl.call(request, what);
}

}  // namespace weft::linux_net
