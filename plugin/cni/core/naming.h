// SPDX-License-Identifier: Apache-2.0
// What an attachment is called: towards the daemon, on the host and in our state directory.
#pragma once

#include <string>

#include "plugin/cni/core/config.h"

namespace weft::cni {

// The daemon's ident of an attachment: the plain container id for eth0, as Weave has it, and
// "<id>:<interface>" for any other. Neither part can hold a colon, so idents never clash, and a
// release of one interface leaves the others' addresses alone.
std::string ident_of(const Attachment& attachment);

// The host's end of the pair: "vethwepl" and 7 characters. Those are the first of the id for the
// eth0 of a hexadecimal id, as Weave has it; else a digest, since ids such as "cnitool-…" and
// several interfaces of one container would clash.
std::string host_link_of(const Attachment& attachment);

// File name of an attachment; "<id>:<interface>".
std::string file_name_of(const Attachment& attachment);

}  // namespace weft::cni
