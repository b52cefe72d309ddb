// SPDX-License-Identifier: Apache-2.0
// Takes down what Weave's kernel data path leaves: a datapath of the openvswitch module, whose
// device the usual request cannot delete.
#pragma once

#include <string_view>

#include "base/result.h"

namespace weft::linux_net {

// The datapath whose own device has this name, with its ports. False: there is none, or the module
// is not loaded.
Result<bool> delete_ovs_datapath(std::string_view name);

}  // namespace weft::linux_net
