// SPDX-License-Identifier: Apache-2.0
// Rules against spoofing, kept in step with the attachments on record. A container may use each of
// its addresses on each of its interfaces, for that is how Linux answers when several are in one
// subnet.
#pragma once

#include "plugin/cni/verbs.h"

namespace weft::cni {

// Sets the rules of all recorded interfaces of this call's container, and of `own`, whose record
// may be unwritten if the state directory cannot be written.
Outcome<> guard_container(const Call& call, const AttachmentRecord* own = nullptr);
// The host's end is to have none.
Outcome<> leave_unguarded(const std::string& host_link);
// Removes the rules of interfaces that are gone, and what they brought to others of the container.
// Without the means to make such rules there are none.
Outcome<> sweep_guards();
// CHECK: do the rules stand, and do they allow these addresses and no other's?
Outcome<> check_guard(const Call& call, const AttachmentRecord& record, MacAddr mac);

}  // namespace weft::cni
