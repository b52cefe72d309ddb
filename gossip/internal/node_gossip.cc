// SPDX-License-Identifier: Apache-2.0
// Messages of neighbours: topology is applied here, owned channels are handed up, unknown channels
// relayed; and the ways news leaves for some neighbours, for all, or for one peer.
#include <utility>

#include "gossip/internal/node_core.h"

namespace weft::gossip {

namespace {

// What came as a whole record may come from a peer that does not tell its neighbours differences.
News news_of(const Topology::Applied& applied) {
  News news;
  for (const auto& [name, since] : applied.changed)
    news[name] = {.since = since, .stranger = true};
  return news;
}

}  // namespace

std::string_view to_string(Channel channel) {
  switch (channel) {
    case Channel::topology:
      return "topology";
    case Channel::ipam:
      return "IPallocation";
    case Channel::nameserver:
      return "nameserver";
  }
  return "";
}

void Node::Core::send_overlay_control(LinkId id, ByteView payload, Effects& out) {
  auto* link = find(id);
  if (link == nullptr || !link->ready || payload.empty()) return;
  if (!link->theirs->overlays.empty()) {
    send_message(*link, Tag::overlay_control, payload, out);
    return;
  }
  // Compatibility mode: the overlay's own tag takes the place of ours.
  auto tag = static_cast<Tag>(payload.front());
  if (tag >= Tag::overlay_established && tag <= Tag::overlay_mtu_verified) {
    send_message(*link, tag, payload.subspan(1), out);
  }
}

void Node::Core::broadcast(TimePoint now, Channel channel, PeerName origin, Effects& out) {
  broadcast_from(now, to_string(channel), origin, Datum{.everything = true}, out);
}

PeerLink* Node::Core::towards(TimePoint now, PeerName destination, Effects& out) {
  auto next = [&] {
    auto hop = routes.unicast_all().find(destination);
    // A connection that the routes do not know of yet leads there all the same.
    return neighbour(hop != routes.unicast_all().end() ? hop->second : destination);
  };
  if (auto* link = next()) return link;
  settle_routes(now, out);
  return next();
}

bool Node::Core::unicast(TimePoint now, Channel channel, PeerName destination, ByteView payload,
                         Effects& out) {
  auto* link = towards(now, destination, out);
  if (link == nullptr) return false;
  if (link->unsent > kUnsentDropAt) {
    log(LogLevel::warning, *link, "unicast dropped: the peer does not read", out);
    return true;
  }
  return send_message(*link, Tag::gossip_unicast,
                      write_unicast_envelope(to_string(channel), config.name, destination, payload),
                      out);
}

void Node::Core::on_message(TimePoint now, PeerLink& link, ByteView message, Effects& out) {
  auto body = message.subspan(1);
  switch (static_cast<Tag>(message.front())) {
    case Tag::heartbeat:
      return;
    case Tag::overlay_established:
    case Tag::overlay_fragments_received:
    case Tag::overlay_mtu_verified:
    case Tag::overlay_control:
      return on_overlay_message(link, message, out);
    case Tag::gossip:
      return on_gossip(now, link, body, out);
    case Tag::gossip_unicast:
      return on_unicast(now, link, body, out);
    case Tag::gossip_broadcast:
      return on_broadcast(now, link, body, out);
    case Tag::delta:
      if (link.delta) return on_delta(now, link, body, out);
      break;
  }
  log(LogLevel::debug, link, "message with unknown tag " + to_hex(message.first(1)) + " ignored",
      out);
}

void Node::Core::on_gossip(TimePoint now, PeerLink& link, ByteView body, Effects& out) {
  auto envelope = parse_envelope(body);
  if (!envelope) {
    return close_link(now, link.id, {.reason = "unreadable gossip: " + to_string(envelope.error())},
                      out);
  }
  if (envelope->channel == to_string(Channel::topology)) {
    auto applied = apply_topology(now, link, envelope->payload, out);
    // The source is whatever the neighbour says: it is remembered along with news only.
    if (applied && !applied->changed.empty()) merge(relays_[envelope->source], news_of(*applied));
    return;
  }
  if (auto channel = owned(envelope->channel)) {
    out.emplace_back(ChannelMessage{.link = link.id,
                                    .channel = *channel,
                                    .delivery = Delivery::gossip,
                                    .source = link.theirs->name,
                                    .payload = std::move(envelope->payload)});
    return;
  }
  if (!surrogates_.is_new(now, envelope->channel, envelope->payload)) return;
  Datum datum;
  datum.messages.push_back(std::move(envelope->payload));
  gossip_to_some(now, envelope->channel, envelope->source, datum, out);
}

void Node::Core::on_broadcast(TimePoint now, PeerLink& link, ByteView body, Effects& out) {
  auto envelope = parse_envelope(body);
  if (!envelope) {
    return close_link(now, link.id,
                      {.reason = "unreadable broadcast: " + to_string(envelope.error())}, out);
  }
  Datum datum;
  if (envelope->channel == to_string(Channel::topology)) {
    auto applied = apply_topology(now, link, envelope->payload, out);
    if (!applied || applied->changed.empty()) return;
    for (auto name : applied->all)
      datum.news[name] = {};
    tell_along_tree(now, link.theirs->name, news_of(*applied), out);
  } else if (auto channel = owned(envelope->channel)) {
    out.emplace_back(ChannelMessage{.link = link.id,
                                    .channel = *channel,
                                    .delivery = Delivery::broadcast,
                                    .source = envelope->source,
                                    .payload = std::move(envelope->payload)});
    return;
  } else {
    datum.messages.push_back(std::move(envelope->payload));
  }
  broadcast_from(now, envelope->channel, envelope->source, datum, out);
}

void Node::Core::on_unicast(TimePoint now, PeerLink& link, ByteView body, Effects& out) {
  auto envelope = parse_unicast_envelope(body);
  if (!envelope) {
    return close_link(now, link.id,
                      {.reason = "unreadable unicast: " + to_string(envelope.error())}, out);
  }
  if (envelope->destination == config.name) {
    if (envelope->channel == to_string(Channel::topology)) {
      return close_link(now, link.id, {.reason = "topology may not be sent as unicast"}, out);
    }
    if (auto channel = owned(envelope->channel)) {
      out.emplace_back(ChannelMessage{.link = link.id,
                                      .channel = *channel,
                                      .delivery = Delivery::unicast,
                                      .source = envelope->source,
                                      .payload = std::move(envelope->payload)});
    }
    return;
  }
  auto* next = towards(now, envelope->destination, out);
  // Sending it back where it came from could only go round in circles.
  if (next == nullptr || next == &link || next->unsent > kUnsentDropAt) {
    log(LogLevel::debug, link, "unicast for " + envelope->destination.text() + " dropped: no route",
        out);
    return;
  }
  send_message(*next, Tag::gossip_unicast, body, out);
}

void Node::Core::on_overlay_message(PeerLink& link, ByteView message, Effects& out) {
  bool compatible = link.theirs->overlays.empty();
  bool control = static_cast<Tag>(message.front()) == Tag::overlay_control;
  // In compatibility mode the tag is part of what the overlay has to say, and there is no index.
  if (compatible == control) return;
  out.emplace_back(OverlayControl{link.id, to_bytes(control ? message.subspan(1) : message)});
}

std::optional<Topology::Applied> Node::Core::apply_topology(TimePoint now, PeerLink& link,
                                                            ByteView payload, Effects& out) {
  auto records = parse_topology(payload);
  if (!records) {
    close_link(now, link.id, {.reason = "unreadable topology: " + to_string(records.error())}, out);
    return std::nullopt;
  }
  return apply_records(now, link, std::move(*records), out);
}

Topology::Applied Node::Core::apply_records(TimePoint now, PeerLink& link,
                                            std::vector<PeerRecord> records, Effects& out) {
  auto applied = topology.apply(std::move(records));
  schedule_collection(now);
  if (!applied.changed.empty() || applied.own_outdated) note_change(now);
  if (applied.own_outdated) schedule_own_update(now, config.name);
  if (applied.own_short_id_lost) mend_short_id(now);
  if (applied.ignored != 0) {
    log(LogLevel::warning, link,
        std::to_string(applied.ignored) + " records ignored: the topology is full", out);
  }
  if (!applied.outdated.empty()) {
    // Two runs of one peer are about: it can outbid the old one only when it hears of it, so the
    // news goes back the way it came instead of waiting for the next round of gossip.
    News news;
    for (auto name : applied.outdated)
      news[name] = {};
    tell(now, link, std::move(news), out);
  }
  if (const auto& nickname = applied.double_seen) {
    collision_ = {now,
                  "peer names collision: another host ('" + *nickname + "') in the mesh uses " +
                      config.name.text() + " as well as this host ('" + config.nickname +
                      "'); give one of them another --name",
                  config.name};
  }
  return applied;
}

std::vector<PeerName> Node::Core::some_neighbours(PeerName except, bool delta) {
  if ((delta ? delta_links_ : table_.size() - delta_links_) == 0) return {};
  std::set<PeerName> excluded{except};
  for (const auto& [peer, id] : table_) {
    if (links_.at(id).delta != delta) excluded.insert(peer);
  }
  return routes.random_neighbours(excluded, rng_);
}

void Node::Core::gossip_to(TimePoint now, const std::vector<PeerName>& peers,
                           std::string_view channel, const Datum& datum, Effects& out) {
  for (auto peer : peers) {
    auto* link = neighbour(peer);
    if (link == nullptr) continue;
    link->sender.gossip(channel, datum);
    drain(now, *link, out);
  }
}

void Node::Core::gossip_to_some(TimePoint now, std::string_view channel, PeerName except,
                                const Datum& datum, Effects& out) {
  settle_routes(now, out);
  for (bool delta : {false, true})
    gossip_to(now, some_neighbours(except, delta), channel, datum, out);
}

void Node::Core::broadcast_from(TimePoint now, std::string_view channel, PeerName origin,
                                const Datum& datum, Effects& out) {
  settle_routes(now, out);
  for (auto peer : routes.broadcast_all(origin)) {
    auto* link = neighbour(peer);
    // Of the topology they are told in their own way.
    if (link == nullptr || (link->delta && channel == to_string(Channel::topology))) continue;
    link->sender.broadcast(channel, origin, datum);
    drain(now, *link, out);
  }
}

void Node::Core::send_everything(TimePoint now, PeerLink& link, Effects& out) {
  for (auto channel : own_channels())
    link.sender.gossip(channel, Datum{.everything = true});
  drain(now, link, out);
}

std::vector<std::string_view> Node::Core::own_channels() const {
  std::vector<std::string_view> names{to_string(Channel::topology)};
  for (auto channel : {Channel::ipam, Channel::nameserver}) {
    if (channels_.owns(channel)) names.push_back(to_string(channel));
  }
  return names;
}

std::optional<Channel> Node::Core::owned(std::string_view name) const {
  for (auto channel : {Channel::ipam, Channel::nameserver}) {
    if (name == to_string(channel) && channels_.owns(channel)) return channel;
  }
  return std::nullopt;
}

}  // namespace weft::gossip
