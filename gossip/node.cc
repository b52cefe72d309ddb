// SPDX-License-Identifier: Apache-2.0
#include "gossip/node.h"

#include <utility>

#include "gossip/internal/node_core.h"
#include "gossip/summary.h"

namespace weft::gossip {

namespace {

PeerRecord own_record(const NodeConfig& config, Rng& rng) {
  return {.name = config.name,
          .nickname = config.nickname.substr(0, kNicknameMax),
          .uid = config.uid,
          .short_id = ShortId::make(rng.below(ShortId::kMax + 1))};
}

}  // namespace

Node::Core::Core(NodeConfig settings, Rng& rng, const ChannelStates& channels)
    : config(std::move(settings)),
      topology(own_record(config, rng)),
      routes(config.name),
      connector({.port = config.port, .conn_limit = config.conn_limit}, rng),
      rng_(rng),
      channels_(channels),
      surrogates_(rng) {
  config.nickname.resize(std::min(config.nickname.size(), kNicknameMax));
  routes.recalculate(topology.peers());
}

Node::Node(NodeConfig config, Rng& rng, const ChannelStates& channels)
    : core_(std::make_unique<Core>(std::move(config), rng, channels)) {}

Node::~Node() = default;

std::optional<LinkId> Node::on_accept(TimePoint now, Endpoint local, Endpoint remote,
                                      Effects& out) {
  core_->start(now);
  auto id = core_->on_accept(now, local, remote, out);
  core_->finish(now, out);
  return id;
}

void Node::on_dialled(TimePoint now, LinkId link, Endpoint local, Effects& out) {
  core_->on_dialled(now, link, local, out);
  core_->finish(now, out);
}

void Node::on_dial_failed(TimePoint now, LinkId link, std::string_view reason, Effects& out) {
  core_->on_dial_failed(now, link, reason, out);
  core_->finish(now, out);
}

void Node::on_bytes(TimePoint now, LinkId link, ByteView bytes, Effects& out) {
  core_->on_bytes(now, link, bytes, out);
  core_->finish(now, out);
}

void Node::on_drained(TimePoint now, LinkId link, Effects& out) {
  core_->on_drained(now, link, out);
  core_->finish(now, out);
}

void Node::on_closed(TimePoint now, LinkId link, std::string_view reason, Effects& out) {
  core_->on_closed(now, link, reason, out);
  core_->finish(now, out);
}

void Node::on_resolved(TimePoint now, std::string_view host, std::vector<Ipv4Addr> addresses,
                       std::string_view error, Effects& out) {
  core_->connector.on_resolved(now, host, std::move(addresses), error);
  core_->run_connector_now();
  core_->finish(now, out);
}

void Node::on_deadline(TimePoint now, Effects& out) {
  core_->on_deadline(now, out);
  core_->finish(now, out);
}

std::optional<TimePoint> Node::next_deadline() const {
  return core_->next_deadline();
}

void Node::on_overlay_established(TimePoint now, LinkId link, Effects& out) {
  core_->on_overlay_established(now, link, out);
  core_->finish(now, out);
}

void Node::on_overlay_failed(TimePoint now, LinkId link, std::string_view reason, Effects& out) {
  core_->close_link(now, link, {.reason = "overlay: " + std::string(reason)}, out);
  core_->finish(now, out);
}

void Node::send_overlay_control(TimePoint now, LinkId link, ByteView payload, Effects& out) {
  core_->send_overlay_control(link, payload, out);
  core_->finish(now, out);
}

void Node::broadcast(TimePoint now, Channel channel, Effects& out) {
  core_->broadcast(now, channel, core_->config.name, out);
  core_->finish(now, out);
}

void Node::relay_broadcast(TimePoint now, Channel channel, PeerName origin, Effects& out) {
  core_->broadcast(now, channel, origin, out);
  core_->finish(now, out);
}

bool Node::unicast(TimePoint now, Channel channel, PeerName destination, ByteView payload,
                   Effects& out) {
  bool sent = core_->unicast(now, channel, destination, payload, out);
  core_->finish(now, out);
  return sent;
}

void Node::on_channel_error(TimePoint now, LinkId link, std::string_view reason, Effects& out) {
  core_->close_link(now, link, {.reason = std::string(reason)}, out);
  core_->finish(now, out);
}

Result<> Node::connect(TimePoint now, const std::vector<std::string>& targets, bool replace,
                       Effects& out) {
  core_->start(now);
  std::vector<Target> good;
  Result<> result;
  for (const auto& text : targets) {
    auto target = Target::parse(text);
    if (target) {
      good.push_back(std::move(*target));
      continue;
    }
    result = target.error();
    out.emplace_back(
        LogLine{LogLevel::warning, "mesh", "", text, "not a target: " + to_string(target.error())});
  }
  if (core_->connector.add(now, good, replace)) out.emplace_back(TargetsChanged{});
  core_->run_connector_now();
  core_->finish(now, out);
  return result;
}

void Node::forget(TimePoint now, const std::vector<std::string>& targets, Effects& out) {
  if (core_->connector.forget(targets)) out.emplace_back(TargetsChanged{});
  core_->run_connector_now();
  core_->finish(now, out);
}

const std::vector<std::string>& Node::targets() const {
  return core_->connector.texts();
}

PeerName Node::name() const {
  return core_->config.name;
}

bool Node::knows(PeerName peer) const {
  return core_->topology.find(peer) != nullptr;
}

std::optional<std::string> Node::nickname(PeerName peer) const {
  const auto* record = core_->topology.find(peer);
  return record == nullptr ? std::nullopt : std::optional(record->nickname);
}

std::size_t Node::active_target_count() const {
  return core_->connector.active_count();
}

const std::map<PeerName, PeerName>& Node::unicast_routes() const {
  return core_->routes.unicast();
}

std::vector<PeerName> Node::broadcast_hops(PeerName origin) const {
  return core_->routes.broadcast(origin);
}

const std::map<PeerName, std::vector<PeerName>>& Node::broadcast_hops_of_all() const {
  return core_->routes.broadcast_of_all();
}

std::vector<PeerName> Node::known_peers() const {
  std::vector<PeerName> names;
  for (const auto& [name, record] : core_->topology.peers())
    names.push_back(name);
  return names;
}

bool Node::reachable(PeerName peer) const {
  return core_->reachable(peer);
}

std::uint64_t Node::topology_hash() const {
  return summarize(core_->topology.peers(), core_->routes.unicast_all(), 0).total;
}

MeshStatus Node::status(TimePoint now) const {
  return core_->status(now);
}

NodeLoad Node::load() const {
  return core_->load();
}

}  // namespace weft::gossip
