// SPDX-License-Identifier: Apache-2.0
// What is read as delta gossip is within its limits, is read again after being written, and can do
// a topology no harm.
#include "base/ensure.h"
#include "gossip/topology.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::gossip;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto message = parse_delta(fuzz::view(data, size));
  if (!message) return 0;
  auto again = parse_delta(write_delta(*message));
  ensure(again.has_value() && *again == *message, "delta gossip changes when written");
  const auto* records = std::get_if<Records>(&*message);
  if (records == nullptr) return 0;
  Topology topology({.name = PeerName::from_u48(1), .uid = {1}});
  std::vector<PeerRecord> update;
  for (int pass = 0; pass < 2; ++pass) {
    for (const auto& delta : records->records) {
      if (auto record = topology.rebuild(delta)) update.push_back(std::move(*record));
    }
    topology.apply(std::exchange(update, {}));
  }
  ensure(topology.peers().size() <= kPeersMax, "too many peers");
  for (const auto& [name, record] : topology.peers()) {
    auto whole = topology.delta(name, 0);
    ensure(whole && whole->changes.size() == record.connections.size(), "a record is told whole");
  }
  return 0;
}
