// SPDX-License-Identifier: Apache-2.0
#include "gossip/summary.h"

#include <bit>

#include "base/ensure.h"
#include "gossip/internal/mix.h"

namespace weft::gossip {

namespace {

constexpr std::size_t kPeersPerBucket = 8;

std::uint64_t hash(const PeerRecord& record) {
  auto state = mix(record.name.value() + 1);
  state = mix(state ^ record.uid.value);
  return mix(state ^ (record.version << 1 | (record.short_id ? 1U : 0U)));
}

}  // namespace

unsigned bucket_bits(std::size_t peer_count) {
  auto bits = static_cast<unsigned>(std::bit_width(peer_count / kPeersPerBucket));
  return bits < kBucketBitsMax ? bits : kBucketBitsMax;
}

unsigned bucket_of(PeerName name, unsigned bits) {
  return bits == 0 ? 0 : static_cast<unsigned>(mix(name.value() + 1) >> (64 - bits));
}

Summary summarize(const PeerRecords& peers, const Reachable& reachable, unsigned bits) {
  Summary summary{.bits = bits, .buckets = {}};
  summary.buckets.resize(std::size_t{1} << bits);
  for (const auto& [name, record] : peers) {
    if (reachable.count(name) == 0) continue;
    auto value = hash(record);
    // Sums, so that the order does not matter.
    summary.total += value;
    summary.buckets[bucket_of(name, bits)] += static_cast<std::uint32_t>(value >> 32);
  }
  return summary;
}

std::uint64_t differing_buckets(const Summary& a, const Summary& b) {
  ensure(a.buckets.size() == b.buckets.size(), "summaries of one size");
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < a.buckets.size(); ++i) {
    if (a.buckets[i] != b.buckets[i]) mask |= std::uint64_t{1} << i;
  }
  return mask == 0 && a.total != b.total ? ~std::uint64_t{0} : mask;
}

Versions list_versions(const PeerRecords& peers, const Reachable& reachable, unsigned bits,
                       std::uint64_t mask) {
  Versions versions{.bits = bits, .mask = mask, .entries = {}};
  for (const auto& [name, record] : peers) {
    if ((mask >> bucket_of(name, bits) & 1) == 0 || reachable.count(name) == 0) continue;
    versions.entries.push_back({.name = name,
                                .uid = record.uid,
                                .version = record.version,
                                .has_short_id = record.short_id.has_value()});
  }
  return versions;
}

}  // namespace weft::gossip
