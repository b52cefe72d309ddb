// SPDX-License-Identifier: Apache-2.0
// What a weaver does with frames and datagrams, as one pure machine on the control thread: MAC
// learning, unicast relay and flooding along the broadcast trees, the overlay switch of each link
// and its sleeve and swift tunnels. The driver reads the bridge and the UDP socket, calls in
// batches, and carries out the output. Where there are packet workers, they carry swift's frames
// and this says how; it then sees only what sleeve brings or is to take. No allocation per packet:
// frames go through buffers owned by the output.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/log.h"
#include "base/mac.h"
#include "base/rng.h"
#include "base/time_point.h"
#include "gossip/effects.h"
#include "router/swift/core/forwarder.h"
#include "router/swift/core/spec.h"
#include "router/swift/core/tunnel.h"

namespace weft::dataplane {

// A UDP datagram to send. `df`: through the don't-fragment path (source address `local`); if the
// kernel says EMSGSIZE, call on_path_mtu with what IP_MTU reports.
struct Datagram {
  gossip::LinkId link;
  Endpoint to;
  Ipv4Addr local;
  bool df = false;
  std::size_t offset = 0;  // in Output::arena
  std::size_t size = 0;
};

struct InjectedFrame {  // an Ethernet frame for the local bridge
  std::size_t offset = 0;
  std::size_t size = 0;
};

// Filled by the data plane, emptied by the driver with clear(), which keeps the memory. After
// on_captured or on_datagram it must be neither emptied nor changed for another before flush():
// datagrams are still being built in its arena.
struct Output {
  Bytes arena;
  std::size_t arena_used = 0;  // what lies behind is spare room
  std::uint64_t batch = 0;     // counts clear()
  std::vector<Datagram> datagrams;
  std::vector<InjectedFrame> frames;
  // Rare events, for the peer and the log.
  struct Control {
    gossip::LinkId link;
    Bytes payload;
  };
  struct Failed {
    gossip::LinkId link;
    std::string reason;
  };
  std::vector<Control> control;             // send_overlay_control
  std::vector<gossip::LinkId> established;  // on_overlay_established
  std::vector<Failed> failed;               // on_overlay_failed
  std::vector<LogLine> log;

  // For swift's packet workers.
  struct SwiftProbe {  // Forwarder::on_probe of the worker with that stream
    std::uint32_t tunnel = 0;
    std::uint8_t stream = 0;
    swift::Probe probe;
  };
  struct SwiftTransmit {  // Forwarder::on_transmit of any one worker
    swift::Forwarder::Transmit where;
    std::size_t offset = 0;  // in the arena
    std::size_t size = 0;
  };
  // If set, what is wanted of the workers has changed: hand it to each, and when all have applied
  // it call on_spec_applied with its version.
  std::shared_ptr<const swift::Spec> spec;
  std::vector<SwiftProbe> probes;        // after `spec`
  std::vector<SwiftTransmit> transmits;  // after `spec`
  std::vector<swift::Learnt> learnt;     // Forwarder::learn of every worker

  ByteView bytes(const SwiftTransmit& t) const { return ByteView(arena).subspan(t.offset, t.size); }
  ByteView bytes(const Datagram& d) const { return ByteView(arena).subspan(d.offset, d.size); }
  ByteView bytes(const InjectedFrame& f) const { return ByteView(arena).subspan(f.offset, f.size); }
  void clear();
};

// The strict (established and symmetric) routes, copied from the mesh node when they change.
struct Routes {
  std::map<PeerName, PeerName> unicast;                      // destination → neighbour
  std::map<PeerName, std::vector<PeerName>> broadcast_hops;  // origin → neighbours
};

struct Config {
  PeerName name;
  std::uint16_t port = 6783;  // UDP
  // "swift" only counts once there are workers for it; see enable_swift.
  std::vector<std::string> overlays{"sleeve"};
  // What the pods here take. Others' may be larger: then frames are cut or answered before the
  // bridge, which would drop them without a word.
  std::size_t bridge_mtu = 65535;
  // Log every decision about a frame: slow, for --pkt-debug.
  bool traces = false;
};

// The packet workers that swift can use.
struct SwiftConfig {
  std::vector<crypto::AeadChoice> aeads;    // crypto::usable_aeads(), or some of them
  std::vector<std::uint16_t> stream_ports;  // the own source port of each worker, in order
  int mtu_ceiling = 1500;                   // of the underlay, in bytes of IP packet
  Duration rekey_interval = std::chrono::seconds(120);
};

struct Counters {
  std::uint64_t captured_frames = 0, captured_bytes = 0;
  std::uint64_t injected_frames = 0, injected_bytes = 0;
  std::uint64_t sent_datagrams = 0, received_datagrams = 0;
  std::uint64_t relayed_frames = 0;
  // Why something was dropped.
  std::uint64_t dropped_no_route = 0, dropped_unknown_sender = 0, dropped_forged = 0,
                dropped_replayed = 0, dropped_malformed = 0, dropped_too_big = 0,
                dropped_no_address = 0, dropped_mac_conflict = 0, dropped_looped = 0;
  // How often frames had to leave swift: its datagrams were no longer answered, or keys were not
  // agreed on or renewed.
  std::uint64_t swift_lost_unanswered = 0, swift_lost_keys = 0;
};

struct LinkOverlayStatus {  // for `status connections` and the report
  std::string overlay;      // "swift", "sleeve", or "none"
  bool established = false;
  bool encrypted = false;
  std::optional<int> mtu;
  std::string waiting_for;  // why it is not established: which port and direction to look at
  // Both ends know swift, whether it is in use or not.
  std::optional<swift::TunnelStatus> swift;
};

struct MacStatus {
  MacAddr mac;
  PeerName peer;
  TimePoint last_seen;
};

class Dataplane {
 public:
  explicit Dataplane(Config config);
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;
  ~Dataplane();

  // Workers are there: links made from now on can use swift, if `overlays` names it. `rng` makes
  // keys, and outlives this.
  void enable_swift(SwiftConfig config, Rng& rng);

  // Mesh events. A peer that is gone is to be forgotten by the workers, too.
  void on_link_ready(TimePoint now, const gossip::LinkReady& link, Output& out);
  void on_link_gone(TimePoint now, gossip::LinkId link);
  void on_control(TimePoint now, gossip::LinkId link, ByteView payload, Output& out);
  void on_routes(Routes routes);
  void on_peer_gone(PeerName peer);

  // Packets. `frame` is a captured Ethernet frame with correct checksums, at most 65,535 bytes;
  // `datagram` is opened in place. flush() ends a batch: nothing is held back after it.
  void on_captured(TimePoint now, ByteView frame, Output& out);
  void on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out);
  void on_path_mtu(TimePoint now, gossip::LinkId link, int path_mtu, Output& out);
  void flush(TimePoint now, Output& out);

  // What swift's workers report. The hops of `frame` are those that swift does not carry.
  void on_swift_event(TimePoint now, const swift::Event& event, Output& out);
  void on_frame_for_control(TimePoint now, const swift::FrameForControl& frame,
                            std::span<const PeerName> hops, Output& out);
  // All workers do what the Spec with this version says.
  void on_spec_applied(TimePoint now, std::uint64_t version, Output& out);
  // The kernel refused a datagram of a tunnel (by our index): its path carries IP packets of
  // `path_mtu` bytes.
  void on_swift_path_mtu(TimePoint now, std::uint32_t tunnel, int path_mtu, Output& out);

  void on_deadline(TimePoint now, Output& out);
  std::optional<TimePoint> next_deadline() const;

  LinkOverlayStatus link_status(gossip::LinkId link) const;
  std::vector<MacStatus> macs() const;
  const Counters& counters() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weft::dataplane
