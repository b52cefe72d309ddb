// SPDX-License-Identifier: Apache-2.0
// What becomes of a frame, wherever it came from: learned from, injected, relayed, flooded or
// dropped. The rules that all overlays share; carrying them out is the data plane's.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/peer_name.h"
#include "base/time_point.h"
#include "router/overlay/forward_table.h"
#include "router/overlay/mac_table.h"

namespace weft::overlay {

enum class Drop : std::uint8_t {
  none,
  malformed,       // no Ethernet header, a special frame, or a multicast source
  mac_conflict,    // captured here, but the source is known to live behind another peer
  spanning_tree,   // bridges talk to their own neighbours only
  local,           // both ends are on our bridge
  unknown_source,  // in the name of a peer that is not in the mesh
  looped,          // our own frame came back, while routes differ
};

struct Verdict {
  Drop drop = Drop::none;
  PeerName conflicting;  // with mac_conflict: the peer that has the MAC
  // The MAC table has news of the frame's source: new, moved, or heard of again after a while.
  bool learnt = false;
  bool inject = false;  // into our bridge
  bool relay = false;   // (source, destination) to the next hop
  bool flood = false;   // (source, each next hop) along the broadcast tree of `source`
  PeerName source;
  PeerName destination;  // with relay
};

class Forwarding {
 public:
  explicit Forwarding(PeerName us) : us_(us) {}

  // A frame that the local bridge sent out.
  Verdict on_captured(TimePoint now, ByteView frame);
  // An ordinary frame that `sender`, a neighbour, brought from `source` to `destination`.
  struct Names {
    PeerName sender;
    PeerName source;
    PeerName destination;
  };
  Verdict on_received(TimePoint now, const Names& names, ByteView frame);

  MacTable& macs() { return macs_; }
  const MacTable& macs() const { return macs_; }
  ForwardTable& routes() { return routes_; }
  const ForwardTable& routes() const { return routes_; }

 private:
  PeerName us_;
  MacTable macs_;
  ForwardTable routes_;
};

// True for the frames that overlays send each other over the data path: the first 14 bytes are
// zero. Such a frame never comes from, or goes to, a bridge.
bool is_special(ByteView frame);

}  // namespace weft::overlay
