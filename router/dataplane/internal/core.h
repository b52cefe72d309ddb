// SPDX-License-Identifier: Apache-2.0
// The data plane's inside: the links, what is queued on them, and the glue between forwarding
// rules, overlay switch, sleeve and swift.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/dataplane/dataplane.h"
#include "router/overlay/control_wire.h"
#include "router/overlay/decision.h"
#include "router/overlay/forwarding.h"
#include "router/overlay/log_limiter.h"
#include "router/overlay/overlay_switch.h"
#include "router/packet/icmp.h"
#include "router/sleeve/tunnel.h"
#include "router/swift/core/tunnel.h"

namespace weft::dataplane {

class Dataplane::Core {
 public:
  explicit Core(Config config) : config_(std::move(config)), forwarding_(config_.name) {}

  void enable_swift(SwiftConfig config, Rng& rng);

  void on_link_ready(TimePoint now, const gossip::LinkReady& ready, Output& out);
  void on_link_gone(gossip::LinkId id);
  void on_control(TimePoint now, gossip::LinkId id, ByteView payload, Output& out);
  void on_routes(Routes&& routes);
  void on_peer_gone(PeerName peer) { forwarding_.macs().remove_peer(peer); }

  void on_captured(TimePoint now, ByteView frame, Output& out);
  void on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out);
  void on_path_mtu(TimePoint now, gossip::LinkId id, int path_mtu, Output& out);
  void flush(Output& out);

  void on_swift_event(TimePoint now, const swift::Event& event, Output& out);
  void on_frame_for_control(TimePoint now, const swift::FrameForControl& frame,
                            std::span<const PeerName> hops, Output& out);
  void on_spec_applied(TimePoint now, std::uint64_t version, Output& out);
  void on_swift_path_mtu(TimePoint now, std::uint32_t tunnel, int path_mtu, Output& out);

  void on_deadline(TimePoint now, Output& out);
  std::optional<TimePoint> next_deadline() const;

  LinkOverlayStatus link_status(gossip::LinkId id) const;
  const overlay::MacTable& macs() const { return forwarding_.macs(); }
  const Counters& counters() const { return counters_; }

 private:
  struct Link {
    gossip::LinkId id;
    PeerName peer;
    std::string peer_text;
    Endpoint local;
    Endpoint remote;
    overlay::OverlaySwitch overlays;
    std::size_t sleeve_index = 0;  // in `overlays`
    std::optional<sleeve::Tunnel> sleeve;
    std::size_t swift_index = 0;  // in `overlays`
    std::optional<swift::Tunnel> swift;
    bool swift_up = false;  // as the switch was told
    std::string failure;    // why the link has no working overlay
    bool queued = false;    // in open_
    overlay::LogLimiter bad_control;

    bool sleeve_alive() const { return sleeve && sleeve->alive(); }
    bool usable() const { return sleeve_alive() || swift_up; }
    bool on_swift() const { return swift_up && overlays.best() == swift_index; }
  };

  Link* find(gossip::LinkId id) const;
  // The usable link to a neighbour.
  Link* find(PeerName peer) const;
  void index_peers();
  void refresh_deadline();

  void start_sleeve(TimePoint now, Link& link, const gossip::LinkReady& ready, Output& out);
  void start_swift(TimePoint now, Link& link, const gossip::LinkReady& ready, Output& out);
  void fail(Link& link, std::string reason, Output& out);
  // Where a tunnel puts its wishes; take_effects moves them into the output.
  sleeve::Effects& effects_for(Output& out);
  void take_effects(Link& link, Output& out);
  void take_control(Link& link, const sleeve::Control& control, Output& out) const;
  void on_swift_control(TimePoint now, Link& link, const overlay::ControlMessage& message,
                        Output& out);
  void on_bad_control(TimePoint now, Link& link, const Error& error, Output& out);
  // Moves what link's swift tunnel wishes from swift_effects_ into the output.
  void take_swift(Link& link, Output& out);
  void switch_swift(Link& link, Output& out);
  void publish_spec(Output& out);
  Link* find_tunnel(std::uint32_t index) const;
  void on_learnt(TimePoint now, const swift::Learnt& learnt, Output& out);

  // A frame on its way: `from` is the link that brought it, null for captured and own frames.
  struct Passing {
    ByteView frame;
    PeerName origin;  // whose bridge sent it
    const Link* from = nullptr;
  };
  void on_frame(TimePoint now, Link& link, const sleeve::Frame& frame, Output& out);
  void carry_out(TimePoint now, const overlay::Verdict& verdict, const Passing& passing,
                 Output& out);
  static void trace(const overlay::Decision& decision, Output& out);
  void inject(const overlay::Verdict& verdict, ByteView frame, Output& out);
  void inject_too_big(const overlay::Verdict& verdict, ByteView frame, Output& out);
  // Room for a frame to the bridge.
  ByteSpan add_injected(std::size_t size, Output& out);
  void relay(const overlay::Verdict& verdict, const Passing& passing, Output& out);
  void flood(TimePoint now, PeerName origin, const Passing& passing, Output& out);
  sleeve::Sent send(Link& link, const sleeve::Frame& frame, sleeve::Tunnel::SendOptions options,
                    Output& out);
  sleeve::Sent send_by_sleeve(Link& link, const sleeve::Frame& frame,
                              sleeve::Tunnel::SendOptions options, Output& out);
  void send_by_swift(const Link& link, const sleeve::Frame& frame, bool flood, Output& out);
  void answer_too_big(const Link& link, const sleeve::Frame& frame);
  void count(sleeve::Sent sent);
  void on_drop(TimePoint now, const overlay::Verdict& verdict, ByteView frame, Output& out);
  void log_conflict(TimePoint now, MacAddr mac, PeerName owner, Output& out);
  void on_too_big_flood(TimePoint now, const Link& link, std::size_t size, Output& out);
  // If there is an answer to a frame that was too big, sends it back to where that came from.
  void return_answer(TimePoint now, Output& out);

  Config config_;
  overlay::Forwarding forwarding_;
  Counters counters_;
  std::vector<std::unique_ptr<Link>> links_;               // by id
  std::vector<std::pair<PeerName, Link*>> links_by_peer_;  // by peer, the newest link of each
  std::vector<Link*> open_;  // links with datagrams not yet closed, in the order they were begun
  const Output* open_in_ = nullptr;  // the output, and its batch, whose arena those lie in
  std::uint64_t open_batch_ = 0;
  std::optional<TimePoint> links_deadline_;
  sleeve::Effects effects_;  // reused, empty between calls

  std::optional<SwiftConfig> swift_;
  Rng* rng_ = nullptr;                  // with swift_
  swift::TunnelEffects swift_effects_;  // reused, empty between calls
  Routes routes_;                       // with swift_, for the Spec
  bool spec_changed_ = false;           // since the last Spec
  std::uint64_t spec_version_ = 0;

  struct Answer {
    packet::IcmpFrame frame;
    PeerName source;
    PeerName destination;
  };
  Answer answer_;
  bool answer_pending_ = false;

  overlay::LogLimiter conflict_log_;
  overlay::LogLimiter flood_log_;
};

}  // namespace weft::dataplane
