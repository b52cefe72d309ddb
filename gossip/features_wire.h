// SPDX-License-Identifier: Apache-2.0
// The feature map that opens every connection: gob map[string]string. docs/wire/gossip.md.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"

namespace weft::gossip {

using FeatureMap = std::map<std::string, std::string>;

// A peer names itself in a dozen short pairs; more is not an introduction.
inline constexpr std::size_t kFeatureCountMax = 64;

Result<FeatureMap> parse_features(ByteView in);
Bytes write_features(const FeatureMap& features);

}  // namespace weft::gossip
