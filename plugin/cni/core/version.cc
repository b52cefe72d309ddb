// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/core/version.h"

namespace weft::cni {

std::string_view text(SpecVersion version) {
  switch (version) {
    case SpecVersion::v0_1_0:
      return "0.1.0";
    case SpecVersion::v0_2_0:
      return "0.2.0";
    case SpecVersion::v0_3_0:
      return "0.3.0";
    case SpecVersion::v0_3_1:
      return "0.3.1";
    case SpecVersion::v0_4_0:
      return "0.4.0";
    case SpecVersion::v1_0_0:
      return "1.0.0";
    case SpecVersion::v1_1_0:
      return "1.1.0";
  }
  return "";
}

std::optional<SpecVersion> parse_version(std::string_view wanted) {
  for (SpecVersion version : kSpecVersions) {
    if (text(version) == wanted) return version;
  }
  return std::nullopt;
}

}  // namespace weft::cni
