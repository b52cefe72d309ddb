// SPDX-License-Identifier: Apache-2.0
// Topology gossip: repeated {peerSummary, []connectionSummary} in one gob stream.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/peer_name.h"
#include "gossip/remote_address.h"

namespace weft::gossip {

struct ConnectionRecord {
  PeerName peer;
  RemoteAddress remote_address;  // as the reporting peer sees it
  bool outbound = false;
  bool established = false;
  friend bool operator==(const ConnectionRecord&, const ConnectionRecord&) = default;
};

struct PeerRecord {
  PeerName name;
  std::string nickname;
  PeerUid uid;
  std::uint64_t version = 0;
  std::optional<ShortId> short_id;
  std::vector<ConnectionRecord> connections;
  friend bool operator==(const PeerRecord&, const PeerRecord&) = default;
};

// Decodes everything or nothing. Limits: kPeersMax peers, kConnectionsMax connections in all,
// nicknames and addresses of at most kTextMax bytes.
inline constexpr std::size_t kPeersMax = 20'000;
inline constexpr std::size_t kConnectionsMax = 1'000'000;
inline constexpr std::size_t kTextMax = 1'024;

// A short ID of more than 12 bits counts as none: Weave's topology carries 16 unchecked, and a
// record that other peers relay must not cost us the link.
Result<std::vector<PeerRecord>> parse_topology(ByteView in);
Bytes write_topology(const std::vector<PeerRecord>& peers);

}  // namespace weft::gossip
