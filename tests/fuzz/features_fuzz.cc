// SPDX-License-Identifier: Apache-2.0
// What is read as features is within its limits, and is read again after being written.
#include "base/ensure.h"
#include "gossip/features_wire.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto features = gossip::parse_features(fuzz::view(data, size));
  if (!features) return 0;
  ensure(features->size() <= gossip::kFeatureCountMax, "too many features");
  for (const auto& [key, value] : *features) {
    ensure(key.size() <= gossip::kFeatureTextMax, "a long key");
    ensure(value.size() <= gossip::kFeatureTextMax, "a long value");
  }
  auto again = gossip::parse_features(gossip::write_features(*features));
  ensure(again.has_value() && *again == *features, "features change when written");
  return 0;
}
