// SPDX-License-Identifier: Apache-2.0
// Everything an operator can see, taken at one moment: the texts of `weave status`, the JSON
// report and the metrics are functions of this value alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gossip/status.h"
#include "ipam-crdt/status.h"
#include "router/dataplane/dataplane.h"
#include "router/swift/worker_link.h"

namespace weft::daemon {

struct CaptureStatus {
  // "vethwe-tap (via tap, …)", "vethwe-pcap (via pcap)", or "no overlay bridge"
  std::string interface;
  std::string why_no_tap;  // empty: there is one, or none is wanted
  std::string lost;        // why no frame is taken any more; empty: they are
  bool ours = false;       // false: taken from a report of Weave's, whose status does not show it
  std::uint64_t packets_received = 0;
  std::uint64_t packets_dropped = 0;     // by the kernel's buffer
  std::uint64_t packets_if_dropped = 0;  // by the interface
};

struct Snapshot {
  std::string version;
  bool ready = true;
  TimePoint now;
  WallOffset wall;
  gossip::MeshStatus mesh;
  std::map<gossip::LinkId, dataplane::LinkOverlayStatus> overlays;
  std::map<PeerName, PeerName> unicast_routes;  // destination → via; ourselves → 0
  std::map<PeerName, std::vector<PeerName>> broadcast_routes;  // source → via
  std::vector<dataplane::MacStatus> macs;
  dataplane::Counters counters;
  CaptureStatus capture;
  std::vector<swift::WorkerCounters> workers;  // of each packet worker; none with libpcap
  std::uint64_t orders_dropped = 0;            // to the workers, whose queue was full
  swift::TapCounters control_tap;              // the control thread's own writes
  std::optional<ipam::AllocatorStatus> ipam;   // none: IPAM is off
  int bridge_mtu = 0;
  // Filters of other owners that drop what is forwarded, and in which a pair of accepts of ours is.
  std::vector<std::string> forwarding_accepted_in;
  std::vector<std::string> forwarding_problems;  // where that could not be seen to
  bool forwarding_off = false;                   // the bridge is exposed, and the host is no router
  std::vector<std::string> range_overlaps;       // routes of the host's in the way of the range
  std::vector<std::string> notices;              // of the program that runs us
  // What is wrong now, in words that name the cure; empty when all is well.
  std::vector<std::string> degraded;
};

}  // namespace weft::daemon
