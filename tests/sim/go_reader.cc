// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/go_reader.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "gossip/envelope_wire.h"
#include "gossip/features_wire.h"
#include "gossip/topology_wire.h"
#include "ipam-crdt/gossip_state_wire.h"
#include "ipam-crdt/range_wire.h"
#include "ipam-crdt/ring_wire.h"

namespace weft::sim {
namespace {

constexpr std::size_t kOpeningSize = 8;  // "weave", two versions, encryption
constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kMessageMax = 10U << 20U;
constexpr std::uint64_t kShortIdMax = 4095;
constexpr std::string_view kTopology = "topology";
constexpr std::string_view kAddresses = "IPallocation";

}  // namespace

void GoReader::feed(ByteView bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  while (breach_.empty()) {
    const std::size_t read = awaits_ == Awaits::opening ? read_opening() : read_frame();
    if (read == 0) return;
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(read));
  }
}

std::size_t GoReader::read_opening() {
  if (buffer_.size() < kOpeningSize) return 0;
  Reader reader(buffer_);
  const ByteView magic = reader.take(5);
  expect(std::string_view(reinterpret_cast<const char*>(magic.data()), 5) == "weave", "no magic");
  const std::uint8_t least = reader.u8();
  expect(least <= 2 && reader.u8() >= 2, "version 2 is not on offer");
  expect(reader.u8() == 0, "a password where there is none");
  awaits_ = Awaits::features;
  return kOpeningSize;
}

std::size_t GoReader::read_frame() {
  Reader reader(buffer_);
  const std::size_t size = reader.u32();
  if (reader.failed()) return 0;
  expect(size <= kMessageMax, "a message of more than 10 MiB");
  const ByteView message = reader.take(size);
  if (reader.failed()) return 0;
  if (awaits_ == Awaits::features) {
    read_features(message);
    awaits_ = Awaits::messages;
  } else if (!message.empty()) {
    read_message(message);
  }
  return kLengthSize + size;
}

void GoReader::read_features(ByteView message) {
  const auto features = gossip::parse_features(message);
  expect(features.has_value(), "features that do not decode");
  if (!features) return;
  for (const char* needed : {"PeerNameFlavour", "Name", "NickName", "UID", "ConnID"}) {
    expect(features->count(needed) != 0, "a feature that Weave needs is missing");
  }
  if (const auto id = features->find("ShortID"); id != features->end()) {
    const auto number = parse_u64(id->second);
    expect(number && *number <= kShortIdMax, "a short ID above 4095");
  }
}

void GoReader::read_message(ByteView message) {
  const auto tag = static_cast<std::uint8_t>(message.front());
  const ByteView payload = message.subspan(1);
  if (tag == 4 || tag == 6) {
    const auto envelope = gossip::parse_envelope(payload);
    expect(envelope.has_value(), "an envelope that does not decode");
    if (envelope && envelope->channel == kTopology) read_topology(envelope->payload);
    if (envelope && envelope->channel == kAddresses) read_ring(envelope->payload);
  } else if (tag == 5) {
    const auto envelope = gossip::parse_unicast_envelope(payload);
    expect(envelope.has_value(), "a unicast envelope that does not decode");
    if (envelope && envelope->channel == kAddresses) read_ipam_unicast(envelope->payload);
  } else if (tag == 7) {
    expect(payload.size() >= 2, "an overlay message shorter than its index and tag");
  }
}

void GoReader::read_topology(ByteView payload) {
  const auto peers = gossip::parse_topology(payload);
  expect(peers.has_value(), "a topology that does not decode");
  if (!peers) return;
  for (const gossip::PeerRecord& peer : *peers) {
    expect(!peer.short_id || peer.short_id->value() <= kShortIdMax, "a short ID above 4095");
  }
}

void GoReader::read_ring(ByteView payload) {
  const auto state = ipam::parse_state(payload);
  expect(state.has_value(), "a state of the ring that does not decode");
  if (!state || !state->ring) return;
  expect(ipam::check_ring(*state->ring).has_value(), "a ring that breaks its own rules");
  const auto& seeds = state->ring->seeds;
  expect(std::is_sorted(seeds.begin(), seeds.end()) &&
             std::adjacent_find(seeds.begin(), seeds.end()) == seeds.end(),
         "seeds that are not in order");
}

void GoReader::read_ipam_unicast(ByteView payload) {
  expect(!payload.empty(), "an empty unicast: it crashes Weave");
  const auto unicast = ipam::parse_unicast(payload);
  expect(unicast.has_value(), "a kind of unicast that hangs Weave");
  if (!unicast) return;
  if (unicast->kind == ipam::UnicastKind::ring_update) return read_ring(unicast->body);
  const auto range = ipam::parse_range(unicast->body);
  expect(range && range->start < range->end, "a range of space that is empty");
}

}  // namespace weft::sim
