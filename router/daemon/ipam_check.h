// SPDX-License-Identifier: Apache-2.0
// What is wrong with this host's addresses: a comparison of memory, state file and what is alive in
// the namespaces, as plain values. ipam_inspector.h gathers them and mends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "ipam-crdt/allocator.h"
#include "ipam-crdt/ring.h"
#include "router/linux/living.h"

namespace weft::daemon {

enum class IpamFault {
  stray,       // held here, though another peer owns its range
  leaked,      // held by somebody of whom nothing is alive
  unrecorded,  // alive on the bridge, and held by nobody
  duplicate,   // alive twice on the bridge
  not_stored,  // memory and state file differ
};
std::string_view to_string(IpamFault fault);

struct IpamFinding {
  IpamFault fault = IpamFault::stray;
  std::string ident;  // who holds it, or the namespace; empty for the ring as a whole
  std::string address;
  std::string text;  // a sentence, with the cure
  bool fixed = false;

  bool same_as(const IpamFinding& o) const {
    return fault == o.fault && ident == o.ident && address == o.address;
  }
};

struct IpamCheckReport {
  // False: not all namespaces could be seen, so nobody is said to be gone.
  bool complete = false;
  std::size_t held = 0;    // addresses inside the range that somebody here holds
  std::size_t living = 0;  // addresses on interfaces that are plugged into the bridge
  std::vector<IpamFinding> findings;
};

struct IpamCheckInput {
  const ipam::OwnedMap& owned;
  const ipam::OwnedMap& stored;
  bool ring_as_stored = true;
  Cidr range;
  const std::vector<ipam::StrayStatus>& strays;
  const linux_net::Living* living = nullptr;  // null: could not be looked at
};

IpamCheckReport compare_ipam(const IpamCheckInput& input);

// {"clean", "complete", "held", "living", "findings": [{"fault", "ident", "address", "text",
// "fixed"}]}
nlohmann::ordered_json ipam_check_json(const IpamCheckReport& report);

}  // namespace weft::daemon
