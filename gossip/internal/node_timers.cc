// SPDX-License-Identifier: Apache-2.0
// Time in the node: periodic gossip, deferred updates and routes, garbage collection, the limits
// of links, and the connector's turn.
#include <algorithm>
#include <utility>

#include "gossip/internal/mix.h"
#include "gossip/internal/node_core.h"

namespace weft::gossip {

namespace {

bool due(std::optional<TimePoint> at, TimePoint now) {
  return at && *at <= now;
}

// Not 0.0.0.0/8, and neither multicast nor reserved.
bool dialable(Ipv4Addr address) {
  return address.value >> 24 != 0 && address.value >> 28 < 0xe;
}

}  // namespace

void Node::Core::start(TimePoint now) {
  if (started_) return;
  started_ = true;
  gossip_at_ = now + kGossipInterval;
}

void Node::Core::on_deadline(TimePoint now, Effects& out) {
  if (due(links_at_, now)) tend_links(now, out);
  if (due(collect_at_, now)) collect_peers(now, out);
  if (due(routes_at_, now)) settle_routes(now, out);
  if (due(limit_at_, now)) tend_limit(now, out);
  if (due(own_update_at_, now)) {
    own_update_at_.reset();
    tell_own_update(now, out);
  }
  if (due(comparison_at_, now)) compare_with_some(now, out);
  if (due(gossip_at_, now)) gossip_periodically(now, out);
  // The connector keeps clocks of its own.
  if (due(connector_at_, now)) connector_due = true;
  if (due(discovery_at_, now)) run_connector_now();
}

std::optional<TimePoint> Node::Core::next_deadline() const {
  auto next = earliest(earliest(gossip_at_, own_update_at_), earliest(collect_at_, routes_at_));
  next = earliest(next, earliest(comparison_at_, limit_at_));
  next = earliest(next, discovery_at_);
  return earliest(next, earliest(links_at_, connector_at_));
}

void Node::Core::finish(TimePoint now, Effects& out) {
  while (!overfull_.empty()) {
    auto id = *overfull_.begin();
    overfull_.erase(overfull_.begin());
    close_link(now, id, {.reason = "the peer does not read what it is sent"}, out);
  }
  if (!std::exchange(connector_due, false)) return;
  auto next_turn = connector_ran_at_ ? *connector_ran_at_ + kConnectorPause : now;
  if (next_turn <= now) return run_connector(now, out);
  connector_at_ = earliest(connector_at_, next_turn);
}

void Node::Core::run_connector_now() {
  connector_due = true;
  connector_ran_at_.reset();
}

void Node::Core::schedule_own_update(TimePoint now, PeerName about) {
  own_update_about_.insert(about);
  own_update_about_.insert(config.name);
  if (!own_update_at_) own_update_at_ = now + kOwnUpdateDelay;
}

void Node::Core::request_routes(TimePoint now) {
  if (!routes_at_) routes_at_ = now + kRoutesDelay;
}

void Node::Core::settle_routes(TimePoint now, Effects& out) {
  if (!routes_at_) return;
  routes_at_.reset();
  if (routes.recalculate(topology.peers())) out.emplace_back(RoutesChanged{});
  if (!discovery_at_) discovery_at_ = now + kDiscoveryDelay;
  // Not at once: who settles the routes may be using a connection that would be given up.
  if (config.conn_limit != 0 && table_.size() > config.conn_limit) limit_at_ = now;
  for (const auto& [except, news] : std::exchange(relays_, {}))
    pass_on(now, except, news, out);
}

// Newcomers that were let in beyond the limit find others, and then some connection is redundant.
void Node::Core::tend_limit(TimePoint now, Effects& out) {
  limit_at_.reset();
  shed(now, config.conn_limit, "again", out);
}

void Node::Core::schedule_collection(TimePoint now) {
  if (!collect_latest_) collect_latest_ = now + kCollectDelayMax;
  collect_at_ = std::min(now + kCollectDelay, *collect_latest_);
}

void Node::Core::collect_peers(TimePoint now, Effects& out) {
  collect_at_.reset();
  collect_latest_.reset();
  settle_routes(now, out);
  auto gone = topology.collect(routes.unicast_all());
  if (gone.empty()) return;
  for (auto peer : gone) {
    out.emplace_back(LogLine{LogLevel::info, "mesh", peer.text(), "", "peer removed: unreachable"});
    out.emplace_back(PeerGone{peer});
  }
  mend_short_id(now);
  request_routes(now);
}

void Node::Core::mend_short_id(TimePoint now) {
  if (topology.reassign_short_id(rng_)) schedule_own_update(now, config.name);
}

void Node::Core::gossip_periodically(TimePoint now, Effects& out) {
  gossip_at_ = now + kGossipInterval;
  for (auto channel : own_channels()) {
    gossip_to_some(now, channel, PeerName(), Datum{.everything = true}, out);
  }
}

void Node::Core::tend_links(TimePoint now, Effects& out) {
  std::vector<LinkId> late;
  for (const auto& [id, link] : links_) {
    if (link.stream && due(link.stream->next_deadline(), now)) late.push_back(id);
  }
  for (auto id : late) {
    auto* link = find(id);
    if (link == nullptr) continue;
    Bytes heartbeat;
    link->stream->on_deadline(now, heartbeat);
    if (!heartbeat.empty()) emit(*link, std::move(heartbeat), out);
    if (link->stream->failed()) close_link(now, id, {.reason = link->stream->error()}, out);
  }
  links_at_.reset();
  for (const auto& [id, link] : links_) {
    if (link.stream) links_at_ = earliest(links_at_, link.stream->next_deadline());
  }
}

void Node::Core::run_connector(TimePoint now, Effects& out) {
  connector_ran_at_ = now;
  if (!discovery_at_ || *discovery_at_ <= now) {
    discovery_at_.reset();
    rediscover(now);
  }
  auto plan = connector.plan(now, surroundings());
  connector_at_ = connector.next_deadline();
  if (connector_at_) connector_at_ = std::max(*connector_at_, now + kConnectorPause);
  for (auto& host : plan.resolve)
    out.emplace_back(Resolve{std::move(host)});
  for (auto to : plan.dial) {
    LinkId id{++last_link_};
    links_.try_emplace(
        id,
        PeerLink{.id = id, .outbound = true, .remote = to, .accept_new = connector.is_direct(to)});
    out.emplace_back(Dial{id, to});
  }
}

Connector::Surroundings Node::Core::surroundings() const {
  Connector::Surroundings around{.connections = table_.size(),
                                 .discovered = &discovered_,
                                 .within_reach = [this](Endpoint at, PeerName peer) {
                                   return within_reach(at, peer);
                                 }};
  for (const auto& [peer, id] : table_) {
    const auto& link = links_.at(id);
    around.peers.insert(peer);
    around.remotes.insert(link.remote);
    if (!link.outbound) around.inbound_ips.insert(link.remote.ip);
  }
  return around;
}

bool Node::Core::within_reach(Endpoint at, PeerName peer) const {
  if (peer.known()) return routes.unicast_all().count(peer) != 0;
  for (const auto& [name, record] : topology.peers()) {
    for (const auto& connection : record.connections) {
      auto address = connection.remote_address.endpoint();
      if (address && address->ip == at.ip) return true;
    }
  }
  return false;
}

void Node::Core::rediscover(TimePoint now) {
  bool again =
      discovered_stale_ && (!discovered_at_ || *discovered_at_ + kRediscoverInterval <= now);
  if (!config.discovery || (discovered_revision_ == topology.revision() && !again)) return;
  discovered_revision_ = topology.revision();
  discovered_stale_ = false;
  discovered_at_ = now;
  discovered_.clear();
  if (config.conn_limit != 0 && topology.peers().size() > config.conn_limit + 1) {
    discover_some();
  } else {
    for (const auto& [name, record] : topology.peers()) {
      if (name != config.name && table_.count(name) == 0) discover(record);
    }
  }
  discover_remembered(now);
}

// A mesh that is larger than the limit: each peer looks for others in an order of its own, and not
// for those that seem full. Whoever has almost enough waits for others, so that all find somebody.
void Node::Core::discover_some() {
  auto goal = config.conn_limit - config.conn_limit / kDialReserve;
  if (table_.size() >= goal) return;
  std::map<std::uint64_t, const PeerRecord*> ranked;
  for (const auto& [name, record] : topology.peers()) {
    if (name == config.name || table_.count(name) != 0) continue;
    if (record.connections.size() >= config.conn_limit) continue;
    ranked.emplace(mix(mix(config.name.value()) ^ name.value()), &record);
  }
  auto wanted = 4 * (goal - table_.size()) + kNewcomerReserve;
  for (const auto& [rank, record] : ranked) {
    discover(*record);
    if (--wanted == 0) return;
  }
}

// Whoever a peer is connected to says where it is. An address that somebody dialled is better than
// one that a passing port was seen at, and the more say so the better; what comes next is tried
// when that failed.
void Node::Core::discover(const PeerRecord& record) {
  std::map<Endpoint, std::size_t> votes;
  std::size_t reports = 0;
  for (const auto& connection : record.connections) {
    if (connection.peer == config.name) continue;
    const auto* report = topology.connection(connection.peer, record.name);
    auto address = report == nullptr ? std::nullopt : report->remote_address.endpoint();
    if (!address || !dialable(address->ip)) continue;
    // Whoever dialled the reporter did so from a passing port; it listens on the usual one.
    if (!report->outbound) address->port = config.port;
    votes[*address] += report->outbound ? kReportsMax + 1 : 1;
    if (++reports == kReportsMax) break;
  }
  while (!votes.empty() && discovered_.size() < kDiscoveredMax) {
    auto best = std::max_element(votes.begin(), votes.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; });
    discovered_.emplace(best->first, record.name);
    if (!connector.failed(best->first)) return;
    votes.erase(best);
  }
}

void Node::Core::discover_remembered(TimePoint now) {
  for (const auto& [peer, at, lost] : remembered_) {
    auto age = now - lost;
    bool worth = table_.empty() ? age <= kRememberedAloneFor : age <= kRememberedFor;
    if (worth && topology.find(peer) == nullptr) discovered_.emplace(at, peer);
  }
}

}  // namespace weft::gossip
