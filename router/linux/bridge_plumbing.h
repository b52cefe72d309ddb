// SPDX-License-Identifier: Apache-2.0
// The bridge that pods are plugged into, and its port through which the data plane takes and
// injects frames: the TAP device, pods → bridge → vethwe-tap → us, or a veth pair, pods → bridge →
// vethwe-bridge → vethwe-pcap → us. Adopts what an earlier run left, so a restart disturbs nobody;
// mends leftovers; refuses what it does not understand.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/peer_name.h"
#include "router/linux/link.h"

namespace weft::linux_net {

inline constexpr std::string_view kBridgeEnd = "vethwe-bridge";
inline constexpr std::string_view kCaptureEnd = "vethwe-pcap";
// Alias of a bridge that we made: tells it from one that Weave made.
inline constexpr std::string_view kOurAlias = "weft";

// Which of the two is plugged in; the other is not.
enum class CapturePort { pair, tap };

struct BridgeSpec {
  std::string bridge = "weave";
  PeerName name;  // becomes the bridge's MAC
  int mtu_if_new = 1376;
  std::optional<int> mtu;  // set by the operator: also for an adopted bridge
  CapturePort capture = CapturePort::pair;
};

struct BridgeState {
  Link bridge;
  bool created = false;         // false: adopted
  std::vector<Cidr> addresses;  // the bridge has already: exposed by an earlier run
};

// What stands there before anything is done: the daemon takes its name from a bridge that Weave
// made. nullopt: no bridge.
struct FoundBridge {
  Link link;
  bool ours = false;  // made by Weft
};
Result<std::optional<FoundBridge>> find_bridge(Netlink& nl, std::string_view bridge);

// Makes or adopts all of it, up and ready to capture; works on the calling thread's namespace. A
// TAP device must be there already, opened by its reader (tap.h); one that is not wanted is
// deleted. conflict: something else has one of the names, the text says `weave reset`.
Result<BridgeState> ensure_bridge(const BridgeSpec& spec);

// Removes the bridge, the pair, the TAP device and every pod's host end (`weave reset`). Absent is
// a success.
Result<> remove_bridge(std::string_view bridge);

// Gives the bridge an address and announces it / takes it away. False: nothing to do.
Result<bool> add_bridge_address(std::string_view bridge, Cidr address);
Result<bool> delete_bridge_address(std::string_view bridge, Cidr address);

}  // namespace weft::linux_net
