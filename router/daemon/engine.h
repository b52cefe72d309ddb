// SPDX-License-Identifier: Apache-2.0
// Joins the peer, the data plane, the state file and the two drivers on the control thread, and
// keeps the one order that matters: what must be stored is durable before anything else of the
// same turn is carried out or answered. One commit serves all events of a turn.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "router/daemon/control.h"
#include "router/daemon/mesh_driver.h"
#include "router/daemon/packet_driver.h"
#include "router/daemon/store.h"
#include "router/dataplane/dataplane.h"
#include "router/io/event_loop.h"
#include "router/peer/peer.h"

namespace weft::daemon {

class Engine {
 public:
  // All of them outlive the engine. `on_fatal` is called when the state file cannot be written:
  // memory and disk differ from then on, and only a restart mends that.
  struct Parts {
    io::EventLoop& loop;
    peer::Peer& peer;
    dataplane::Dataplane& dataplane;
    Store& store;
    std::function<void(std::string)> on_fatal;
  };
  explicit Engine(Parts parts);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  void attach(MeshDriver& mesh, PacketDriver& packets);

  using PeerCall = std::function<void(TimePoint, peer::PeerEffects&)>;
  using PacketCall = std::function<void(TimePoint, dataplane::Output&)>;
  // Runs `call` now; its effects are carried out when this turn of the loop is over.
  void with_peer(const PeerCall& call);
  // Runs `call` now and sends the packets it made; its rare events go to the peer.
  void with_packets(const PacketCall& call);
  // Runs `done` when everything asked for so far is durable.
  void after_commit(std::function<void()> done);

  // The reply to `id` goes to `done`, once.
  void expect_reply(ipam::RequestId id, IpamCallback done);
  void drop_reply(ipam::RequestId id);
  // Called after a commit that changed the ring.
  void on_ring_change(std::function<void()> handler) { ring_changed_ = std::move(handler); }

 private:
  void schedule();
  void flush();
  // False: nothing of this turn may be carried out or answered.
  bool commit(const std::vector<peer::StoreOp>& ops);
  void carry_out(gossip::Effect& effect);
  void answer(const ipam::effect::Reply& reply);
  void pass_on_events();
  void copy_routes();
  void on_timer();
  void arm();

  Parts parts_;
  MeshDriver* mesh_ = nullptr;
  PacketDriver* packets_ = nullptr;
  peer::PeerEffects pending_;
  dataplane::Output output_;
  std::vector<std::function<void()>> after_commit_;
  std::map<ipam::RequestId, IpamCallback> callbacks_;
  std::function<void()> ring_changed_;
  bool scheduled_ = false;
  std::optional<TimePoint> armed_;
  io::Timer timer_;
};

}  // namespace weft::daemon
