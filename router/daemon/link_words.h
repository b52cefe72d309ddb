// SPDX-License-Identifier: Apache-2.0
// What is said of one connection or target, the same in the texts, the report and the metrics:
// Weave's columns, and for whatever carries no data why, and which port and direction to look at.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "router/daemon/snapshot.h"

namespace weft::daemon {

struct LinkWords {
  bool live = false;    // a connection (established or pending), not a target that lacks one
  std::string overlay;  // of a live connection: "swift", "sleeve", or "none" before one is chosen
  bool encrypted = false;
  std::optional<int> mtu;
  std::string info;    // Weave's info column; ends with the reason, if there is one
  std::string reason;  // why no data passes, and where to look; empty when established
  // Of swift's keys in use; empty if frames go by another overlay, or plain.
  std::string cipher;
  std::optional<std::uint32_t> epoch;
  std::optional<std::chrono::seconds> key_age;
  // Swift sends from one port only, since the path shows a NAT or drops its other ones: slower.
  bool one_source_port = false;
  // Why an established connection does not use swift, though both ends know it; when it is tried
  // again. Part of `info`, too.
  std::string fallback;
};

// "10.0.0.2:6783"; of a target whose name does not resolve, the name.
std::string address_text(const gossip::LinkStatus& link);

LinkWords describe(const Snapshot& snapshot, const gossip::LinkStatus& link);

}  // namespace weft::daemon
