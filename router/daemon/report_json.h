// SPDX-License-Identifier: Apache-2.0
// The report as JSON: Weave's structure under Go's field names, in its order, plus what Weft adds
// (docs/wire/http-api.md). Numbers are exact to 64 bits; an absent service is left out.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "router/daemon/snapshot.h"

namespace weft::daemon {

nlohmann::ordered_json report(const Snapshot& snapshot);
// The overview of `weave status` for programs: counts instead of lists.
nlohmann::ordered_json overview(const Snapshot& snapshot);
// As Weave prints it: four blanks, no newline at the end. Bytes that are not UTF-8 are replaced.
std::string json_text(const nlohmann::ordered_json& json);
std::string compact_json_text(const nlohmann::ordered_json& json);

}  // namespace weft::daemon
