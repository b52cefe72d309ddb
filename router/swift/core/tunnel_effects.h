// SPDX-License-Identifier: Apache-2.0
// What the control machine of a tunnel asks of the data plane, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "router/swift/core/tunnel_wire.h"
#include "router/swift/core/wire.h"

namespace weft::swift {

struct TunnelEffects {
  struct ProbeOut {  // for the worker with that stream, by Forwarder::on_probe
    std::uint8_t stream = 0;
    Probe probe;
  };
  std::vector<TaggedBody> controls;  // to the other end, over the link's TCP connection
  std::vector<ProbeOut> probes;
  std::vector<LogLine> log;            // component, peer and address are the caller's to fill in
  bool spec_changed = false;           // Tunnel::spec() gives something else than before
  std::optional<std::string> refused;  // the other end will not do it for the life of the link
};

}  // namespace weft::swift
