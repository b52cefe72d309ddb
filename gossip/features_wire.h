// SPDX-License-Identifier: Apache-2.0
// The feature map that opens every connection: gob map[string]string. docs/wire/gossip-framing.md.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"

namespace weft::gossip {

using FeatureMap = std::map<std::string, std::string>;

// A peer names itself in a dozen short pairs; more is not an introduction.
inline constexpr std::size_t kFeatureCountMax = 64;
inline constexpr std::size_t kFeatureTextMax = 4'096;  // of a key or a value, in bytes

// Of a key that comes twice the last value counts, as in Go.
Result<FeatureMap> parse_features(ByteView in);
Bytes write_features(const FeatureMap& features);

}  // namespace weft::gossip
