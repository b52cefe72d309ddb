// SPDX-License-Identifier: Apache-2.0
// What leaves the node: pending news of a link is encoded when its stream has drained, everything
// else is sent directly.
#include <utility>

#include "base/ensure.h"
#include "gossip/internal/node_core.h"

namespace weft::gossip {

namespace {

// About what a connection takes in gob, its address of 15 to 21 characters included.
constexpr std::size_t kConnectionSize = 44;

// About what a record takes on the wire.
std::size_t encoded_size(const PeerRecord& record) {
  return 64 + record.nickname.size() + kConnectionSize * record.connections.size();
}

}  // namespace

void Node::Core::drain(TimePoint now, PeerLink& link, Effects& out) {
  std::size_t batch = 0;
  while (link.ready && !link.draining) {
    auto pending = link.sender.take();
    if (!pending) break;
    auto before = link.unsent;
    send_pending(now, link, *pending, out);
    batch += link.unsent - before;
    link.draining = batch >= kBatchSize;
  }
  if (batch != 0) link.draining = true;
}

void Node::Core::send_pending(TimePoint now, PeerLink& link, const Sender::Pending& pending,
                              Effects& out) {
  if (link.delta && pending.channel == to_string(Channel::topology)) {
    for (const auto& payload : encode_delta(pending.datum))
      send_message(link, Tag::delta, payload, out);
    return;
  }
  auto channel = owned(pending.channel);
  if (link.delta && channel && !pending.origin) {
    // Complete states are compared before they are sent.
    if (auto hash = channels_.hash(now, *channel)) {
      return send_delta(link, ChannelSummary{.channel = pending.channel, .hash = *hash}, out);
    }
  }
  auto tag = pending.origin ? Tag::gossip_broadcast : Tag::gossip;
  auto source = pending.origin.value_or(config.name);
  for (const auto& payload : encode(now, pending)) {
    auto envelope = write_envelope(pending.channel, source, payload);
    if (!send_message(link, tag, envelope, out)) {
      log(LogLevel::warning, link, "gossip on " + pending.channel + " is too large: not sent", out);
    }
  }
}

std::vector<Bytes> Node::Core::encode(TimePoint now, const Sender::Pending& pending) const {
  if (pending.channel == to_string(Channel::topology)) return encode_topology(pending.datum);
  if (!pending.datum.messages.empty()) return pending.datum.messages;
  auto channel = owned(pending.channel);
  auto state = channel ? channels_.state(now, *channel) : std::nullopt;
  if (!state) return {};
  return {std::move(*state)};
}

std::vector<Bytes> Node::Core::encode_topology(const Datum& datum) const {
  bool whole = datum.everything;
  if (whole && whole_topology_revision_ == topology.revision()) return whole_topology_;
  std::vector<Bytes> messages;
  std::vector<PeerRecord> records;
  std::size_t size = 0;
  auto add = [&](const PeerRecord& record) {
    records.push_back(record);
    size += encoded_size(record);
    if (size < kTopologyMessageSize) return;
    messages.push_back(write_topology(records));
    records.clear();
    size = 0;
  };
  if (whole) {
    for (const auto& [name, record] : topology.peers())
      add(record);
  } else {
    for (const auto& [name, item] : datum.news) {
      if (const auto* record = topology.find(name)) add(*record);
    }
  }
  if (!records.empty()) messages.push_back(write_topology(records));
  if (whole) {
    whole_topology_ = messages;
    whole_topology_revision_ = topology.revision();
  }
  return messages;
}

bool Node::Core::send_message(PeerLink& link, Tag tag, ByteView payload, Effects& out) {
  ensure(link.stream.has_value(), "messages need a stream");
  Bytes message;
  message.reserve(1 + payload.size());
  Writer(message).u8(static_cast<std::uint8_t>(tag)).bytes(payload);
  Bytes framed;
  if (!link.stream->send(message, framed)) return false;
  emit(link, std::move(framed), out);
  return true;
}

void Node::Core::emit(PeerLink& link, Bytes bytes, Effects& out) {
  link.unsent += bytes.size();
  if (link.unsent > kUnsentMax) overfull_.insert(link.id);
  out.emplace_back(Send{link.id, std::move(bytes)});
}

}  // namespace weft::gossip
