// SPDX-License-Identifier: Apache-2.0
// The typed introduction inside a feature map, and the checks before a stranger becomes a
// neighbour. Refusals are sentences for operators. docs/wire/gossip.md.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/peer_name.h"
#include "gossip/features_wire.h"

namespace weft::gossip {

// A nickname or overlay list longer than this would not fit the topology's limits.
inline constexpr std::size_t kNicknameMax = 1'024;
inline constexpr std::size_t kOverlaysMax = 16;

struct Introduction {
  PeerName name;
  std::string nickname;
  PeerUid uid;
  std::uint64_t conn_id = 0;  // random for each connection and side
  std::optional<ShortId> short_id;
  bool trusted = false;               // the sender trusts the receiver's address
  std::vector<std::string> overlays;  // most preferred first; empty: compatibility mode
  bool delta = false;                 // speaks delta gossip (delta_wire.h)
};

// Why a peer was turned away, in words that name both sides where both matter.
struct Refusal {
  std::string reason;
  // The other host has our name. Weave never dials it again; we do, since one of the two is to get
  // another name, and the other one need not know where this one is.
  bool collision = false;
  bool ourselves = false;  // the other end is this very process: dialling it again cannot help
};

FeatureMap to_features(const Introduction& ours);
// The typed form, if every required key is there and every value is readable.
std::variant<Introduction, Refusal> read_introduction(const FeatureMap& features);

// Both ends of one connection, for the checks that compare them.
struct Encounter {
  const Introduction& ours;
  const Introduction& theirs;
  Endpoint local;
  Endpoint remote;
};
// Refuses ourselves, our double, and a peer we share no overlay with.
std::optional<Refusal> check_encounter(const Encounter& encounter);

}  // namespace weft::gossip
