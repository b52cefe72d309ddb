// SPDX-License-Identifier: Apache-2.0
// Links of the node: from accept or dial through the introduction into the connection table, and
// out of it again.
#include <algorithm>
#include <utility>

#include "gossip/internal/node_core.h"

namespace weft::gossip {

std::optional<LinkId> Node::Core::on_accept(TimePoint now, Endpoint local, Endpoint remote,
                                            Effects& out) {
  if (!accepts_.take(now)) {
    out.emplace_back(LogLine{LogLevel::debug, "mesh", "", remote.text(),
                             "connection not accepted: too many in a short time"});
    return std::nullopt;
  }
  LinkId id{++last_link_};
  auto& link =
      links_.try_emplace(id, PeerLink{.id = id, .local = local, .remote = remote}).first->second;
  open_stream(now, link, out);
  return id;
}

void Node::Core::on_dialled(TimePoint now, LinkId id, Endpoint local, Effects& out) {
  auto* link = find(id);
  if (link == nullptr || !link->outbound || link->stream) return;
  link->local = local;
  open_stream(now, *link, out);
}

void Node::Core::on_dial_failed(TimePoint now, LinkId id, std::string_view reason, Effects& out) {
  auto* link = find(id);
  if (link == nullptr || !link->outbound || link->stream) return;
  log(LogLevel::info, *link, "dial failed: " + std::string(reason), out);
  connector.on_dial_failed(now, link->remote, reason);
  discovered_stale_ = true;
  connector_due = true;
  links_.erase(id);
}

void Node::Core::on_bytes(TimePoint now, LinkId id, ByteView bytes, Effects& out) {
  auto* link = find(id);
  if (link == nullptr || !link->stream) return;
  link->stream->feed(bytes);
  pump(now, id, out);
}

void Node::Core::on_drained(TimePoint now, LinkId id, Effects& out) {
  auto* link = find(id);
  if (link == nullptr) return;
  link->unsent = 0;
  link->draining = false;
  drain(now, *link, out);
}

void Node::Core::on_closed(TimePoint now, LinkId id, std::string_view reason, Effects& out) {
  auto* link = find(id);
  if (link == nullptr) return;
  if (!link->stream) return on_dial_failed(now, id, reason, out);
  auto text = link->stream->explain_close(reason);
  if (link->ready && !link->established && now - link->ready_since < kRefusedWithin) {
    text +=
        " (right after the introduction: perhaps its connection limit is reached, or it has "
        "another connection to us)";
  }
  close_link(now, id, LinkEnding{.reason = text, .by_peer = true}, out);
}

void Node::Core::on_overlay_established(TimePoint now, LinkId id, Effects& out) {
  auto* link = find(id);
  if (link == nullptr || !link->ready || link->established) return;
  link->established = true;
  topology.establish_connection(link->theirs->name);
  note_change(now);
  schedule_own_update(now, link->theirs->name);
  // The neighbour routes packets to us only when it knows that we call the link established: it
  // is told at once, the others with the next update.
  tell(now, *link, {{config.name, {.since = own_told_}}}, out);
}

void Node::Core::close_link(TimePoint now, LinkId id, const LinkEnding& ending, Effects& out) {
  auto found = links_.find(id);
  if (found == links_.end()) return;
  auto link = std::move(found->second);
  links_.erase(found);
  log(ending.duplicate ? LogLevel::debug : LogLevel::info, link,
      "connection closed: " + ending.reason, out);
  if (!ending.by_peer) out.emplace_back(Close{id});
  if (!ending.ourselves) ++terminations_;
  if (link.ready) remove_from_table(now, link, ending, out);
  if (link.outbound) {
    connector.on_terminated(now, link.remote,
                            {.error = ending.reason,
                             .never_retry = ending.ourselves,
                             .peer = link.theirs ? link.theirs->name : PeerName()});
  } else if (!ending.duplicate && !ending.ourselves && !(link.ready && ending.by_peer)) {
    remember_failed_inbound(now, link, ending);
  }
  connector_due = true;
}

PeerLink* Node::Core::find(LinkId id) {
  auto found = links_.find(id);
  return found == links_.end() ? nullptr : &found->second;
}

PeerLink* Node::Core::neighbour(PeerName peer) {
  auto found = table_.find(peer);
  return found == table_.end() ? nullptr : find(found->second);
}

void Node::Core::open_stream(TimePoint now, PeerLink& link, Effects& out) {
  link.conn_id = rng_.next();
  link.we_trust = trusts(link.remote.ip);
  LinkOptions options{.outbound = link.outbound,
                      .password = config.password,
                      .features = to_features(introduction(link))};
  if (config.password) options.keys = crypto::KeyPair::generate(rng_);
  Bytes header;
  link.stream.emplace(now, std::move(options), header);
  links_at_ = earliest(links_at_, link.stream->next_deadline());
  emit(link, std::move(header), out);
}

void Node::Core::pump(TimePoint now, LinkId id, Effects& out) {
  // The link is looked up anew for each step: any message may end it.
  for (auto* link = find(id); link != nullptr; link = find(id)) {
    Bytes reply;
    auto event = link->stream->next(now, reply);
    if (!reply.empty()) emit(*link, std::move(reply), out);
    if (link->stream->failed()) {
      return close_link(now, id, LinkEnding{.reason = link->stream->error()}, out);
    }
    if (!event) return;
    if (const auto* introduced = std::get_if<Link::Introduced>(&*event)) {
      on_introduced(now, *link, introduced->features, out);
    } else if (const auto* message = std::get_if<Link::Message>(&*event)) {
      on_message(now, *link, message->body, out);
    }
  }
}

void Node::Core::on_introduced(TimePoint now, PeerLink& link, const FeatureMap& features,
                               Effects& out) {
  auto read = read_introduction(features);
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    return close_link(now, link.id, LinkEnding{.reason = refusal->reason}, out);
  }
  links_at_ = earliest(links_at_, link.stream->next_deadline());
  link.theirs = std::get<Introduction>(std::move(read));
  link.delta = config.delta_gossip && link.theirs->delta;
  link.conn_uid = link.conn_id ^ link.theirs->conn_id;
  if (auto refused = refuse(now, link, *link.theirs)) {
    return close_link(now, link.id, *refused, out);
  }
  if (make_room(now, link, out)) add_to_table(now, link, out);
}

std::optional<LinkEnding> Node::Core::refuse(TimePoint now, const PeerLink& link,
                                             const Introduction& theirs) {
  auto ours = introduction(link);
  auto refusal =
      check_encounter({.ours = ours, .theirs = theirs, .local = link.local, .remote = link.remote});
  if (refusal) {
    if (refusal->collision) collision_ = {now, refusal->reason, config.name};
    return LinkEnding{.reason = refusal->reason, .ourselves = refusal->ourselves};
  }
  bool remembered = std::any_of(remembered_.begin(), remembered_.end(), [&](const Remembered& r) {
    return r.peer == theirs.name && r.at == link.remote;
  });
  if (!link.accept_new && !remembered && topology.find(theirs.name) == nullptr) {
    return LinkEnding{.reason = "Found unknown remote name: " + theirs.name.text() + " at " +
                                link.remote.text()};
  }
  return std::nullopt;
}

bool Node::Core::make_room(TimePoint now, PeerLink& link, Effects& out) {
  auto peer = link.theirs->name;
  if (auto* other = neighbour(peer)) {
    bool restarted = link.theirs->uid != other->theirs->uid;
    if (restarted && link.remote.ip != other->remote.ip) {
      refuse_double(now, link, *other, out);
      return false;
    }
    auto reason = "Multiple connections to " + display_name(peer, link.theirs->nickname) +
                  " added to " + display_name(config.name, config.nickname);
    // A peer that was started anew cannot be at the other end of the old link.
    bool wins = restarted || link.conn_uid < other->conn_uid;
    // Equal numbers mean that something is badly wrong: neither is to be trusted.
    if (wins || link.conn_uid == other->conn_uid) {
      close_link(now, other->id, LinkEnding{.reason = reason, .duplicate = true}, out);
    }
    if (!wins) {
      close_link(now, link.id, LinkEnding{.reason = reason, .duplicate = true}, out);
      return false;
    }
  }
  if (config.conn_limit != 0 && table_.size() >= config.conn_limit) {
    settle_routes(now, out);
    if (let_in(*link.theirs)) {
      shed(now, config.conn_limit - 1, "to let a newcomer in", out);
      return true;
    }
    close_link(now, link.id,
               LinkEnding{.reason = "connection limit (" + std::to_string(config.conn_limit) +
                                    ") reached on this host"},
               out);
    return false;
  }
  return true;
}

bool Node::Core::let_in(const Introduction& newcomer) const {
  // What leads to the last run of a host that was started anew does not lead to it: as long as an
  // old neighbour has not noticed, nobody else may do so.
  const auto* known = topology.find(newcomer.name);
  bool anew = known != nullptr && known->uid != PeerUid{} && known->uid != newcomer.uid;
  if (!anew && routes.unicast_all().count(newcomer.name) != 0) return false;
  auto reserve = std::max(kNewcomerReserve, config.conn_limit / 4);
  return table_.size() < config.conn_limit + reserve;
}

void Node::Core::shed(TimePoint now, std::size_t keep, std::string_view why, Effects& out) {
  if (table_.size() <= keep) return;
  // What nobody asked for goes first, then what others dialled, last the operator's own targets.
  auto rank = [&](const PeerLink& link) {
    if (!link.outbound) return 1;
    return connector.is_direct(link.remote) ? 2 : 0;
  };
  std::vector<std::tuple<int, std::uint64_t, LinkId>> order;
  for (const auto& [peer, id] : table_)
    order.emplace_back(rank(links_.at(id)), rng_.next(), id);
  std::sort(order.begin(), order.end());
  for (const auto& [rank_of, ticket, id] : order) {
    if (!routes.redundant(links_.at(id).theirs->name)) continue;
    auto reason = "given up " + std::string(why) + ": connection limit (" +
                  std::to_string(config.conn_limit) +
                  ") reached on this host, and the peer is reached by way of others";
    return close_link(now, id, LinkEnding{.reason = reason}, out);
  }
}

void Node::Core::remember(TimePoint now, const PeerLink& link) {
  Endpoint at = link.remote;
  if (!link.outbound) at.port = config.port;
  std::erase_if(remembered_, [&](const Remembered& r) {
    return (r.peer == link.theirs->name && r.at == at) || now - r.lost > kRememberedAloneFor;
  });
  remembered_.push_back({.peer = link.theirs->name, .at = at, .lost = now});
  if (remembered_.size() > kRememberedMax) remembered_.pop_front();
}

// Two hosts with one name, or one that has moved: the first stays as long as it answers.
void Node::Core::refuse_double(TimePoint now, PeerLink& link, PeerLink& other, Effects& out) {
  auto who = [](const PeerLink& which) {
    return "'" + which.theirs->nickname + "' at " + which.remote.text();
  };
  auto reason = "peer names collision: " + link.theirs->name.text() + " is used by both " +
                who(other) + " and " + who(link) +
                "; give one of them another --name (or wait, if the host has moved)";
  collision_ = {now, reason, link.theirs->name};
  // If nobody is there any more, its host resets the stream on hearing from us.
  send_message(other, Tag::heartbeat, {}, out);
  close_link(now, link.id, LinkEnding{.reason = reason}, out);
}

void Node::Core::add_to_table(TimePoint now, PeerLink& link, Effects& out) {
  const auto& theirs = *link.theirs;
  const auto* known = topology.find(theirs.name);
  bool restarted = known != nullptr && known->uid != theirs.uid;
  bool was_reachable = routes.unicast().count(theirs.name) != 0;
  topology.introduce({.name = theirs.name,
                      .nickname = theirs.nickname,
                      .uid = theirs.uid,
                      .short_id = theirs.short_id});
  topology.add_connection(
      {.peer = theirs.name, .remote_address = link.remote.text(), .outbound = link.outbound});
  table_[theirs.name] = link.id;
  if (link.delta) ++delta_links_;
  link.ready = true;
  link.ready_since = now;

  LinkReady ready{.link = link.id,
                  .peer = theirs.name,
                  .nickname = theirs.nickname,
                  .conn_uid = link.conn_uid,
                  .outbound = link.outbound,
                  .local = link.local,
                  .remote = link.remote,
                  .overlays = theirs.overlays};
  // Overlay traffic goes in the clear only where both ends trust the network between them.
  if (link.stream->key() && !(link.we_trust && theirs.trusted)) {
    ready.overlay_key = link.stream->key();
    link.overlay_encrypted = true;
  }
  log(LogLevel::info, link, "connection added", out);
  out.emplace_back(std::move(ready));
  if (link.outbound) connector.on_connected(link.remote, theirs.name);
  std::erase_if(failed_inbound_, [&](const FailedInbound& failed) {
    return failed.status.address.ip == link.remote.ip || failed.status.peer == theirs.name;
  });
  if (collision_ && collision_->name == theirs.name) collision_.reset();  // the other one left
  mend_short_id(now);
  note_change(now);
  schedule_own_update(now, theirs.name);
  connector_due = true;
  if (restarted || !was_reachable) send_everything(now, link, out);
}

void Node::Core::remove_from_table(TimePoint now, const PeerLink& link, const LinkEnding& ending,
                                   Effects& out) {
  table_.erase(link.theirs->name);
  if (link.delta) --delta_links_;
  topology.remove_connection(link.theirs->name);
  out.emplace_back(LinkGone{.link = link.id, .peer = link.theirs->name});
  if (!ending.duplicate) remember(now, link);
  note_change(now);
  if (ending.duplicate) {
    // The surviving link is about to take its place: do not drop what we know of the peer.
    if (!collect_at_) schedule_collection(now);
  } else {
    collect_peers(now, out);
  }
  schedule_own_update(now, config.name);
}

void Node::Core::remember_failed_inbound(TimePoint now, const PeerLink& link,
                                         const LinkEnding& ending) {
  LinkStatus status{.address = link.remote, .state = LinkState::failed, .error = ending.reason};
  if (link.theirs) {
    status.peer = link.theirs->name;
    status.nickname = link.theirs->nickname;
  }
  // A peer that tries again and again is one entry, the latest.
  std::erase_if(failed_inbound_, [&](const FailedInbound& old) {
    return old.status.address.ip == status.address.ip && old.status.error == status.error;
  });
  failed_inbound_.push_back({now, std::move(status)});
  if (failed_inbound_.size() > kFailedInboundMax) failed_inbound_.pop_front();
}

Introduction Node::Core::introduction(const PeerLink& link) const {
  return {.name = config.name,
          .nickname = config.nickname,
          .uid = config.uid,
          .conn_id = link.conn_id,
          .short_id = topology.self().short_id,
          .trusted = link.we_trust,
          .overlays = config.overlays,
          .delta = config.delta_gossip};
}

bool Node::Core::trusts(Ipv4Addr address) const {
  return std::any_of(config.trusted_subnets.begin(), config.trusted_subnets.end(),
                     [&](const Cidr& subnet) { return subnet.contains(address); });
}

void Node::Core::log(LogLevel level, const PeerLink& link, std::string text, Effects& out) const {
  auto peer = link.theirs ? display_name(link.theirs->name, link.theirs->nickname) : std::string();
  out.emplace_back(LogLine{level, "mesh", std::move(peer), link.remote.text(), std::move(text)});
}

}  // namespace weft::gossip
