// SPDX-License-Identifier: Apache-2.0
#include "router/dataplane/dataplane.h"

#include <utility>

#include "router/dataplane/internal/core.h"

namespace weft::dataplane {
namespace {

// Memory kept between batches. A batch needs more when fragmentation tests of many links coincide;
// that once-in-five-minutes peak is given back.
constexpr std::size_t kArenaKeptMax = std::size_t{4} << 20;

}  // namespace

void Output::clear() {
  ++batch;
  arena_used = 0;
  if (arena.size() > kArenaKeptMax) Bytes().swap(arena);
  datagrams.clear();
  frames.clear();
  control.clear();
  established.clear();
  failed.clear();
  log.clear();
  spec.reset();
  probes.clear();
  transmits.clear();
  learnt.clear();
}

Dataplane::Dataplane(Config config) : core_(std::make_unique<Core>(std::move(config))) {}

Dataplane::~Dataplane() = default;

void Dataplane::enable_swift(SwiftConfig config, Rng& rng) {
  core_->enable_swift(std::move(config), rng);
}

void Dataplane::on_link_ready(TimePoint now, const gossip::LinkReady& link, Output& out) {
  core_->on_link_ready(now, link, out);
}

void Dataplane::on_link_gone(TimePoint, gossip::LinkId link) {
  core_->on_link_gone(link);
}

void Dataplane::on_control(TimePoint now, gossip::LinkId link, ByteView payload, Output& out) {
  core_->on_control(now, link, payload, out);
}

void Dataplane::on_routes(Routes routes) {
  core_->on_routes(std::move(routes));
}

void Dataplane::on_peer_gone(PeerName peer) {
  core_->on_peer_gone(peer);
}

void Dataplane::on_captured(TimePoint now, ByteView frame, Output& out) {
  core_->on_captured(now, frame, out);
}

void Dataplane::on_datagram(TimePoint now, Endpoint from, ByteSpan datagram, Output& out) {
  core_->on_datagram(now, from, datagram, out);
}

void Dataplane::on_path_mtu(TimePoint now, gossip::LinkId link, int path_mtu, Output& out) {
  core_->on_path_mtu(now, link, path_mtu, out);
}

void Dataplane::flush(TimePoint, Output& out) {
  core_->flush(out);
}

void Dataplane::on_swift_event(TimePoint now, const swift::Event& event, Output& out) {
  core_->on_swift_event(now, event, out);
}

void Dataplane::on_frame_for_control(TimePoint now, const swift::FrameForControl& frame,
                                     std::span<const PeerName> hops, Output& out) {
  core_->on_frame_for_control(now, frame, hops, out);
}

void Dataplane::on_spec_applied(TimePoint now, std::uint64_t version, Output& out) {
  core_->on_spec_applied(now, version, out);
}

void Dataplane::on_swift_path_mtu(TimePoint now, std::uint32_t tunnel, int path_mtu, Output& out) {
  core_->on_swift_path_mtu(now, tunnel, path_mtu, out);
}

void Dataplane::on_deadline(TimePoint now, Output& out) {
  core_->on_deadline(now, out);
}

std::optional<TimePoint> Dataplane::next_deadline() const {
  return core_->next_deadline();
}

LinkOverlayStatus Dataplane::link_status(gossip::LinkId link) const {
  return core_->link_status(link);
}

std::vector<MacStatus> Dataplane::macs() const {
  std::vector<MacStatus> result;
  for (const auto& entry : core_->macs().entries()) {
    result.push_back({.mac = entry.mac, .peer = entry.peer, .last_seen = entry.last_seen});
  }
  return result;
}

const Counters& Dataplane::counters() const {
  return core_->counters();
}

}  // namespace weft::dataplane
