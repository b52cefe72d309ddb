// SPDX-License-Identifier: Apache-2.0
#include "gossip/features_wire.h"

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"

namespace weft::gossip {
namespace {

// Go leaves an unnamed type without a name.
constexpr gob::Type kFeatures = gob::map_of("", gob::kString, gob::kString);

constexpr gob::Limits kLimits{
    .message_size_max = std::size_t{256} << 10, .type_count_max = 8, .element_count_max = 256};

std::string text(gob::Decoder& d) {
  std::string_view v = d.string();
  if (v.size() > kFeatureTextMax) {
    d.fail({.code = Errc::too_large, .what = "features: text is too long"});
    return {};
  }
  return std::string(v);
}

}  // namespace

Result<FeatureMap> parse_features(ByteView in) {
  gob::Decoder d(in, kLimits);
  FeatureMap features;
  d.expect(kFeatures);
  if (d.enter() > kFeatureCountMax) {
    d.fail({.code = Errc::too_large, .what = "features: too many keys"});
  }
  while (d.next_element()) {
    std::string key = text(d);
    features.insert_or_assign(std::move(key), text(d));
  }
  if (auto ok = d.finish(); !ok) return ok.error();
  return features;
}

Bytes write_features(const FeatureMap& features) {
  Bytes out;
  gob::Encoder e(out);
  e.begin(kFeatures).open(features.size());
  for (const auto& [key, value] : features)
    e.string(key).string(value);
  e.close();
  return out;
}

}  // namespace weft::gossip
