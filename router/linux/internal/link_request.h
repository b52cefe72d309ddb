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

}  // namespace weft::linux_net
