// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/engine.h"

#include <utility>

#include "router/daemon/log.h"

namespace weft::daemon {
namespace {

// Path-MTU news make the data plane send probes, which may make news; more rounds than this in one
// go would be a fault.
constexpr int kPathMtuRoundsMax = 8;

constexpr std::chrono::milliseconds kWorthMoving{50};

}  // namespace

Engine::Engine(Parts parts)
    : parts_(std::move(parts)), timer_(parts_.loop, [this] { on_timer(); }) {}
Engine::~Engine() = default;

void Engine::attach(MeshDriver& mesh, PacketDriver& packets) {
  mesh_ = &mesh;
  packets_ = &packets;
}

void Engine::with_peer(const PeerCall& call) {
  call(parts_.loop.now(), pending_);
  schedule();
}

void Engine::with_packets(const PacketCall& call) {
  TimePoint now = parts_.loop.now();
  call(now, output_);
  std::vector<PathMtu> news;
  for (int round = 0; round < kPathMtuRoundsMax; ++round) {
    parts_.dataplane.flush(now, output_);
    packets_->send(output_, news);
    pass_on_events();
    output_.clear();
    if (news.empty()) break;
    for (const PathMtu& n : std::exchange(news, {})) {
      parts_.dataplane.on_path_mtu(now, n.link, n.mtu, output_);
    }
  }
  arm();
}

void Engine::after_commit(std::function<void()> done) {
  after_commit_.push_back(std::move(done));
  schedule();
}

void Engine::expect_reply(ipam::RequestId id, IpamCallback done) {
  callbacks_[id] = std::move(done);
}

void Engine::drop_reply(ipam::RequestId id) {
  callbacks_.erase(id);
}

void Engine::schedule() {
  if (std::exchange(scheduled_, true)) return;
  parts_.loop.post([this] { flush(); });
}

void Engine::flush() {
  scheduled_ = false;
  peer::PeerEffects work = std::exchange(pending_, {});
  std::vector<std::function<void()>> done = std::exchange(after_commit_, {});
  // What was answered or told must never be more than what is stored.
  if (!commit(work.store)) return;
  for (gossip::Effect& effect : work.mesh)
    carry_out(effect);
  for (const ipam::effect::Reply& reply : work.replies)
    answer(reply);
  for (const std::function<void()>& call : done)
    call();
  arm();
}

bool Engine::commit(const std::vector<peer::StoreOp>& ops) {
  if (ops.empty()) return true;
  if (Result<> stored = parts_.store.commit(ops); !stored) {
    parts_.on_fatal(parts_.store.path() + ": " + to_string(stored.error()));
    return false;
  }
  for (const peer::StoreOp& op : ops) {
    if (!std::holds_alternative<ipam::effect::StoreRing>(op) || !ring_changed_) continue;
    ring_changed_();
    break;
  }
  return true;
}

void Engine::carry_out(gossip::Effect& effect) {
  if (auto* line = std::get_if<LogLine>(&effect)) {
    log(*line);
  } else if (auto* ready = std::get_if<gossip::LinkReady>(&effect)) {
    with_packets(
        [&](TimePoint now, auto& out) { parts_.dataplane.on_link_ready(now, *ready, out); });
  } else if (auto* gone = std::get_if<gossip::LinkGone>(&effect)) {
    with_packets([&](TimePoint now, auto&) { parts_.dataplane.on_link_gone(now, gone->link); });
  } else if (auto* control = std::get_if<gossip::OverlayControl>(&effect)) {
    with_packets([&](TimePoint now, auto& out) {
      parts_.dataplane.on_control(now, control->link, control->payload, out);
    });
  } else if (std::holds_alternative<gossip::RoutesChanged>(effect)) {
    copy_routes();
  } else if (auto* peer_gone = std::get_if<gossip::PeerGone>(&effect)) {
    parts_.dataplane.on_peer_gone(peer_gone->peer);
    packets_->forget(peer_gone->peer);
  } else {
    mesh_->carry_out(effect);
  }
}

void Engine::answer(const ipam::effect::Reply& reply) {
  auto found = callbacks_.find(reply.id);
  if (found == callbacks_.end()) return;
  IpamCallback done = std::move(found->second);
  callbacks_.erase(found);
  done(reply.outcome);
}

void Engine::pass_on_events() {
  for (const LogLine& line : output_.log)
    log(line);
  for (const dataplane::Output::Control& control : output_.control) {
    with_peer([&](TimePoint now, auto& out) {
      parts_.peer.send_overlay_control(now, control.link, control.payload, out);
    });
  }
  for (gossip::LinkId link : output_.established) {
    with_peer(
        [&](TimePoint now, auto& out) { parts_.peer.on_overlay_established(now, link, out); });
  }
  for (const dataplane::Output::Failed& failed : output_.failed) {
    with_peer([&](TimePoint now, auto& out) {
      parts_.peer.on_overlay_failed(now, failed.link, failed.reason, out);
    });
  }
}

void Engine::copy_routes() {
  const gossip::Node& node = parts_.peer.node();
  dataplane::Routes routes{.unicast = node.unicast_routes(),
                           .broadcast_hops = node.broadcast_hops_of_all()};
  with_packets([&](TimePoint, auto&) { parts_.dataplane.on_routes(std::move(routes)); });
}

void Engine::on_timer() {
  armed_.reset();
  TimePoint now = parts_.loop.now();
  if (auto due = parts_.peer.next_deadline(); due && *due <= now) {
    with_peer([this](TimePoint t, auto& out) { parts_.peer.on_deadline(t, out); });
  }
  if (auto due = parts_.dataplane.next_deadline(); due && *due <= now) {
    with_packets([this](TimePoint t, auto& out) { parts_.dataplane.on_deadline(t, out); });
  }
  arm();
}

void Engine::arm() {
  auto due = earliest(parts_.peer.next_deadline(), parts_.dataplane.next_deadline());
  // A timer that is a little early is left alone, and moved when it fires: moving it at every frame
  // costs more. One that is far too early would wake an idle host for nothing.
  if (armed_ && due && *armed_ <= *due && *due - *armed_ < kWorthMoving) return;
  if (!armed_ && !due) return;
  armed_ = due;
  timer_.arm(due);
}

}  // namespace weft::daemon
