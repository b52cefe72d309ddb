// SPDX-License-Identifier: Apache-2.0
// The versions of the CNI specification that we speak, and what differs between them.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "plugin/cni/core/fault.h"

namespace weft::cni {

enum class SpecVersion { v0_1_0, v0_2_0, v0_3_0, v0_3_1, v0_4_0, v1_0_0, v1_1_0 };

inline constexpr std::array kSpecVersions = {
    SpecVersion::v0_1_0, SpecVersion::v0_2_0, SpecVersion::v0_3_0, SpecVersion::v0_3_1,
    SpecVersion::v0_4_0, SpecVersion::v1_0_0, SpecVersion::v1_1_0};
inline constexpr SpecVersion kNewestVersion = SpecVersion::v1_1_0;
// What a configuration without cniVersion means.
inline constexpr SpecVersion kUnstatedVersion = SpecVersion::v0_1_0;

std::string_view text(SpecVersion version);
std::optional<SpecVersion> parse_version(std::string_view wanted);

// Up to 0.2.0 a result holds one "ip4" and one "ip6" and no interfaces.
constexpr bool has_old_results(SpecVersion v) {
  return v <= SpecVersion::v0_2_0;
}
// Before 1.0.0 each address of a result names its family.
constexpr bool names_family(SpecVersion v) {
  return v < SpecVersion::v1_0_0;
}
constexpr bool knows_check(SpecVersion v) {
  return v >= SpecVersion::v0_4_0;
}
constexpr bool knows_gc_and_status(SpecVersion v) {
  return v >= SpecVersion::v1_1_0;
}

}  // namespace weft::cni
