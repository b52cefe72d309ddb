// SPDX-License-Identifier: Apache-2.0
// What peers that negotiated delta gossip say instead of whole topologies: summaries, versions,
// requests and the changes of records. docs/wire/gossip-delta.md.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gossip/topology_wire.h"

namespace weft::gossip {

// A summary has 2^bits buckets, so that a difference costs the versions of a few peers only; a set
// of buckets is 64 bits.
inline constexpr unsigned kBucketBitsMax = 6;
inline constexpr std::size_t kBucketCountMax = std::size_t{1} << kBucketBitsMax;

// Hashes of who is known at which version.
struct Summary {
  std::uint64_t total = 0;
  unsigned bits = 0;
  std::vector<std::uint32_t> buckets;  // 2^bits
  friend bool operator==(const Summary&, const Summary&) = default;
};

struct VersionEntry {
  PeerName name;
  PeerUid uid;
  std::uint64_t version = 0;
  bool has_short_id = false;
  friend bool operator==(const VersionEntry&, const VersionEntry&) = default;
};
// All peers of some buckets: who is missing here is not known to the sender.
struct Versions {
  unsigned bits = 0;
  std::uint64_t mask = 0;  // bit b: bucket b is listed
  std::vector<VersionEntry> entries;
  friend bool operator==(const Versions&, const Versions&) = default;
};

// Records that the sender lacks, and the versions it has of them (0: none that helps).
struct Wanted {
  struct Entry {
    PeerName name;
    std::uint64_t version = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::vector<Entry> entries;
  friend bool operator==(const Wanted&, const Wanted&) = default;
};

struct ConnectionChange {
  ConnectionRecord connection;  // of one that is gone only the peer counts
  bool gone = false;
  friend bool operator==(const ConnectionChange&, const ConnectionChange&) = default;
};
// A record, or how it differs from an older version of the same run.
struct RecordDelta {
  PeerName name;
  PeerUid uid;
  std::uint64_t version = 0;
  std::optional<ShortId> short_id;
  // Applies to any version from here on; absent: the record is whole.
  std::optional<std::uint64_t> since;
  bool stranger = false;    // NewsItem::stranger
  std::string nickname;     // of a whole record
  std::uint64_t check = 0;  // fingerprint of the connections that result; of a difference
  std::vector<ConnectionChange> changes;
  friend bool operator==(const RecordDelta&, const RecordDelta&) = default;
};
struct Records {
  std::vector<RecordDelta> records;
  friend bool operator==(const Records&, const Records&) = default;
};

// The state of a channel that has an owner: a hash of it, or the wish to be sent all of it.
struct ChannelSummary {
  std::string channel;
  std::uint64_t hash = 0;
  friend bool operator==(const ChannelSummary&, const ChannelSummary&) = default;
};
struct ChannelWanted {
  std::string channel;
  friend bool operator==(const ChannelWanted&, const ChannelWanted&) = default;
};

using DeltaMessage =
    std::variant<Summary, Versions, Wanted, Records, ChannelSummary, ChannelWanted>;

// Everything or nothing. Limits: kPeersMax entries, kConnectionsMax connections in all, texts of
// kTextMax bytes (a channel's name: kChannelNameMax). What follows the tag byte.
Result<DeltaMessage> parse_delta(ByteView in);
Bytes write_delta(const DeltaMessage& message);

}  // namespace weft::gossip
