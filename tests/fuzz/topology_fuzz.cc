// SPDX-License-Identifier: Apache-2.0
// What is read as topology is within its limits, and is read again after being written.
#include "base/ensure.h"
#include "gossip/topology_wire.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::gossip;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto peers = parse_topology(fuzz::view(data, size));
  if (!peers) return 0;
  ensure(peers->size() <= kPeersMax, "too many peers");
  std::size_t connections = 0;
  for (const PeerRecord& peer : *peers) {
    connections += peer.connections.size();
    ensure(peer.nickname.size() <= kTextMax, "a long nickname");
  }
  ensure(connections <= kConnectionsMax, "too many connections");
  auto again = parse_topology(write_topology(*peers));
  ensure(again.has_value() && *again == *peers, "topology changes when written");
  return 0;
}
