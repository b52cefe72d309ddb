// SPDX-License-Identifier: Apache-2.0
// What was decided about one frame, in words: for `--pkt-debug`, where every decision is logged.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/mac.h"
#include "base/peer_name.h"
#include "router/overlay/forwarding.h"

namespace weft::overlay {

// A plain value, so that packet workers can report it.
struct Decision {
  MacAddr source_mac;
  MacAddr destination_mac;
  std::uint32_t size = 0;  // of the frame, or of the super-frame, in bytes
  std::uint16_t ethertype = 0;
  PeerName from;  // the peer whose bridge sent it, ourselves included
  Verdict verdict;
};

// `frame` may be too short to have addresses; they are zero then.
Decision describe(ByteView frame, PeerName from, const Verdict& verdict);

// "02:… to ff:…, 42 bytes, type 0x0806, from 7a:…: flood"
std::string text(const Decision& decision);

}  // namespace weft::overlay
