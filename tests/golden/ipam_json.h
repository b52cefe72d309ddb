// SPDX-License-Identifier: Apache-2.0
// Rings, ranges and names as the IPAM vectors write them.
#pragma once

#include <string>
#include <vector>

#include "ipam-crdt/ring.h"
#include "ipam-crdt/space.h"
#include "tests/golden/golden.h"

namespace weft::golden {

inline Ipv4Addr addr(const nlohmann::json& text) {
  auto parsed = Ipv4Addr::parse(text.get<std::string>());
  REQUIRE_MESSAGE(parsed.has_value(), "not an address: " << text.dump());
  return *parsed;
}

inline PeerName peer(const nlohmann::json& text) {
  auto parsed = PeerName::parse(text.get<std::string>());
  REQUIRE_MESSAGE(parsed.has_value(), "not a peer name: " << text.dump());
  return *parsed;
}

inline std::vector<PeerName> peers(const nlohmann::json& list) {
  std::vector<PeerName> out;
  for (const auto& item : list)
    out.push_back(peer(item));
  return out;
}

// The i-th peer of the vectors, counted from 1.
inline PeerName peer_number(std::uint64_t i) {
  return PeerName::from_u48(0x7a0000000000ULL + i);
}

inline IpRange universe_of(const nlohmann::json& cidr) {
  return Cidr::parse(cidr.get<std::string>())->range();
}

inline ipam::RingData ring_data(const nlohmann::json& json) {
  require_known(json, {"Start", "End", "Peer", "Entries", "Seeds"});
  ipam::RingData ring{.universe = {addr(json["Start"]), addr(json["End"])},
                      .holder = peer(json["Peer"]),
                      .entries = {},
                      .seeds = peers(json["Seeds"])};
  for (const auto& entry : json["Entries"]) {
    require_known(entry, {"Token", "Peer", "Version", "Free"});
    ring.entries.push_back({.token = addr(entry["Token"]),
                            .peer = peer(entry["Peer"]),
                            .version = entry["Version"],
                            .free = entry["Free"]});
  }
  return ring;
}

inline std::string text(const ipam::RingData& ring) {
  std::string out =
      ring.holder.text() + " [" + ring.universe.start.text() + "," + ring.universe.end.text() + ")";
  for (const ipam::RingEntry& e : ring.entries) {
    out += "\n  " + e.token.text() + " " + e.peer.text() + " v" + std::to_string(e.version) + " " +
           std::to_string(e.free);
  }
  for (PeerName seed : ring.seeds)
    out += "\n  seed " + seed.text();
  return out;
}

// A space in which exactly these addresses are used.
inline ipam::Space space_using(IpRange universe, const nlohmann::json& allocated) {
  ipam::Space space;
  space.set_ranges({universe});
  for (const auto& item : allocated) {
    if (!space.is_used(addr(item))) REQUIRE(space.claim(addr(item)).has_value());
  }
  return space;
}

}  // namespace weft::golden
