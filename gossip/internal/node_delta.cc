// SPDX-License-Identifier: Apache-2.0
// Delta gossip: what neighbours that both understand it say instead of whole topologies. News goes
// along a tree as differences; comparing summaries finds what somebody missed or forgot, so
// nothing is remembered of what a neighbour has. docs/wire/gossip-delta.md.
#include <algorithm>
#include <utility>

#include "gossip/internal/node_core.h"
#include "gossip/summary.h"

namespace weft::gossip {

namespace {

constexpr std::size_t kRecordSize = 40;
constexpr std::size_t kChangeSize = 13;
// Differences are split into messages of about this size.
constexpr std::size_t kDeltaMessageSize = 1024 * 1024;

}  // namespace

void Node::Core::on_delta(TimePoint now, PeerLink& link, ByteView body, Effects& out) {
  auto message = parse_delta(body);
  if (!message) {
    return close_link(now, link.id,
                      {.reason = "unreadable delta gossip: " + to_string(message.error())}, out);
  }
  // Everything that is answered here is said again in the next round.
  bool answerable = link.unsent <= kUnsentDropAt;
  if (!answerable && !std::holds_alternative<Records>(*message)) return;
  std::visit([&](const auto& told) { on_told(now, link, told, out); }, *message);
}

void Node::Core::on_told(TimePoint, PeerLink& link, const Summary& theirs, Effects& out) {
  auto ours = theirs.bits == own_summary().bits
                  ? own_summary()
                  : summarize(topology.peers(), routes.unicast_all(), theirs.bits);
  auto mask = differing_buckets(ours, theirs);
  if (mask == 0) return;
  send_delta(link, list_versions(topology.peers(), routes.unicast_all(), theirs.bits, mask), out);
}

void Node::Core::on_told(TimePoint now, PeerLink& link, const Versions& theirs, Effects& out) {
  std::map<PeerName, const VersionEntry*> listed;
  for (const auto& entry : theirs.entries)
    listed[entry.name] = &entry;
  News news;
  Wanted wanted;
  auto ours = list_versions(topology.peers(), routes.unicast_all(), theirs.bits, theirs.mask);
  for (const auto& entry : ours.entries) {
    auto found = listed.find(entry.name);
    if (found == listed.end()) {
      news[entry.name] = {};
      continue;
    }
    const auto& other = *found->second;
    auto order = [](const VersionEntry& e) {
      return std::tuple(e.version, e.uid, e.has_short_id);
    };
    std::uint64_t common = entry.uid == other.uid ? std::min(entry.version, other.version) : 0;
    if (order(entry) > order(other)) news[entry.name] = {.since = common};
    if (order(entry) < order(other)) {
      wanted.entries.push_back({.name = entry.name, .version = common});
    }
    listed.erase(found);
  }
  for (const auto& [name, entry] : listed) {
    // What we know, but not how to reach, is on its way out here and may be news there.
    const auto* stored = topology.find(name);
    if (stored != nullptr && stored->uid == entry->uid && stored->version >= entry->version) {
      continue;
    }
    wanted.entries.push_back({.name = name});
  }
  if (!news.empty()) tell(now, link, std::move(news), out);
  if (!wanted.entries.empty()) send_delta(link, wanted, out);
}

void Node::Core::on_told(TimePoint now, PeerLink& link, const Wanted& wanted, Effects& out) {
  News news;
  for (const auto& entry : wanted.entries) {
    if (topology.find(entry.name) != nullptr) news[entry.name] = {.since = entry.version};
  }
  if (!news.empty()) tell(now, link, std::move(news), out);
}

void Node::Core::on_told(TimePoint now, PeerLink& link, const Records& records, Effects& out) {
  std::vector<PeerRecord> update;
  std::set<PeerName> strangers;
  Wanted wanted;
  for (const auto& delta : records.records) {
    if (delta.stranger) strangers.insert(delta.name);
    if (auto record = topology.rebuild(delta)) {
      update.push_back(std::move(*record));
    } else {
      wanted.entries.push_back({.name = delta.name, .version = topology.fitting(delta)});
    }
  }
  auto applied = apply_records(now, link, std::move(update), out);
  News relayed;
  for (const auto& [name, since] : applied.changed)
    relayed[name] = {.since = since, .stranger = strangers.count(name) != 0};
  if (!relayed.empty()) merge(relays_[link.theirs->name], relayed);
  if (!wanted.entries.empty()) send_delta(link, wanted, out);
}

void Node::Core::on_told(TimePoint now, PeerLink& link, const ChannelSummary& theirs,
                         Effects& out) {
  auto channel = owned(theirs.channel);
  auto ours = channel ? channels_.hash(now, *channel) : std::nullopt;
  if (ours == theirs.hash) return;
  // Without an owner here it is relayed like any other message of the channel.
  send_delta(link, ChannelWanted{theirs.channel}, out);
  if (channel) send_state(now, link, *channel, out);
}

void Node::Core::on_told(TimePoint now, PeerLink& link, const ChannelWanted& wanted, Effects& out) {
  if (auto channel = owned(wanted.channel)) send_state(now, link, *channel, out);
}

void Node::Core::send_delta(PeerLink& link, const DeltaMessage& message, Effects& out) {
  send_message(link, Tag::delta, write_delta(message), out);
}

void Node::Core::send_state(TimePoint now, PeerLink& link, Channel channel, Effects& out) {
  auto state = channels_.state(now, channel);
  if (!state) return;
  send_message(link, Tag::gossip, write_envelope(to_string(channel), config.name, *state), out);
}

void Node::Core::tell(TimePoint now, PeerLink& link, News news, Effects& out) {
  link.sender.gossip(to_string(Channel::topology), Datum{.news = std::move(news)});
  drain(now, link, out);
}

std::vector<PeerName> Node::Core::listeners(PeerName except) {
  auto chosen = some_neighbours(except, false);
  // Whoever hangs on us alone, as on the hub of a star, must not depend on the draw.
  for (auto peer : routes.tree_neighbours()) {
    const auto* link = neighbour(peer);
    bool also = link != nullptr && !link->delta && peer != except;
    if (also && std::find(chosen.begin(), chosen.end(), peer) == chosen.end()) {
      chosen.push_back(peer);
    }
  }
  return chosen;
}

void Node::Core::pass_on(TimePoint now, PeerName except, const News& news, Effects& out) {
  if (news.empty()) return;
  gossip_to(now, listeners(except), to_string(Channel::topology), Datum{.news = news}, out);
  tell_along_tree(now, except, news, out);
}

void Node::Core::tell_along_tree(TimePoint now, PeerName except, const News& news, Effects& out) {
  for (auto peer : routes.tree_neighbours()) {
    auto* link = neighbour(peer);
    if (link == nullptr || !link->delta || peer == except) continue;
    News theirs;
    for (const auto& [name, item] : news) {
      // Everybody tells their own neighbours.
      bool told = !item.stranger && topology.connection(name, peer) != nullptr;
      if (name != peer && !told) theirs.emplace(name, item);
    }
    if (!theirs.empty()) tell(now, *link, std::move(theirs), out);
  }
}

void Node::Core::tell_own_update(TimePoint now, Effects& out) {
  settle_routes(now, out);
  News about;
  for (auto name : std::exchange(own_update_about_, {}))
    about[name] = {};
  gossip_to(now, listeners(PeerName()), to_string(Channel::topology), Datum{.news = about}, out);
  News own{{config.name, {.since = own_told_}}};
  own_told_ = topology.self().version;
  for (const auto& [peer, id] : table_) {
    if (auto* link = find(id); link->delta) tell(now, *link, own, out);
  }
}

void Node::Core::note_change(TimePoint now) {
  request_routes(now);
  comparisons_left_ = kComparisonsAfterChange;
  if (!comparison_at_) comparison_at_ = now + kComparisonDelay;
}

void Node::Core::compare_with_some(TimePoint now, Effects& out) {
  comparison_at_.reset();
  if (comparisons_left_ > 0) --comparisons_left_;
  if (comparisons_left_ > 0) comparison_at_ = now + kComparisonInterval;
  settle_routes(now, out);
  std::vector<PeerName> candidates;
  for (const auto& [peer, id] : table_) {
    if (links_.at(id).delta) candidates.push_back(peer);
  }
  std::vector<PeerName> chosen;
  while (chosen.size() < kComparedAfterChange && !candidates.empty()) {
    auto at = candidates.begin() + static_cast<std::ptrdiff_t>(rng_.below(candidates.size()));
    chosen.push_back(*at);
    *at = candidates.back();
    candidates.pop_back();
  }
  gossip_to(now, chosen, to_string(Channel::topology), Datum{.everything = true}, out);
}

const Summary& Node::Core::own_summary() {
  auto of = std::pair(topology.revision(), routes.search_count());
  if (summary_of_ != of) {
    summary_of_ = of;
    summary_ =
        summarize(topology.peers(), routes.unicast_all(), bucket_bits(topology.peers().size()));
  }
  return summary_;
}

std::vector<Bytes> Node::Core::encode_delta(const Datum& datum) {
  bool again = encoded_revision_ == topology.revision() && encoded_news_ == datum.news;
  if (!again) {
    encoded_revision_ = topology.revision();
    encoded_news_ = datum.news;
    encoded_deltas_.clear();
    Records records;
    std::size_t size = 0;
    for (const auto& [name, item] : datum.news) {
      auto delta = topology.delta(name, item.since);
      if (!delta) continue;
      delta->stranger = item.stranger;
      size += kRecordSize + kChangeSize * delta->changes.size();
      records.records.push_back(std::move(*delta));
      if (size < kDeltaMessageSize) continue;
      encoded_deltas_.push_back(write_delta(std::exchange(records, {})));
      size = 0;
    }
    if (!records.records.empty()) encoded_deltas_.push_back(write_delta(records));
  }
  auto messages = encoded_deltas_;
  if (datum.everything) messages.push_back(write_delta(own_summary()));
  return messages;
}

}  // namespace weft::gossip
