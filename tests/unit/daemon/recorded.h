// SPDX-License-Identifier: Apache-2.0
// What the real Weave answered, read from tests/golden/{status,http-api}, and the snapshot that
// describes the situation it was in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "router/daemon/snapshot.h"

namespace weft::daemon::recorded {

// The situations of tests/golden/status: "plain/02-after-ipam-host1", …
std::vector<std::string> situations();

// A file under the folder that WEFT_GOLDEN names; nothing, with a message, if there is none.
std::optional<std::string> read(const std::string& name);
std::optional<nlohmann::ordered_json> report(const std::string& situation);

// The state of affairs that a report describes.
Snapshot snapshot_of(const nlohmann::ordered_json& report);

// What Weft adds to Weave's words about a dial that failed; see docs/wire/http-api.md.
std::string with_hints(std::string text);
// Without Go's monotonic reading: " m=+73.658800779".
std::string without_monotonic(std::string text);

struct Exchange {
  std::string host, method, url, form;
  unsigned status = 0;
  std::string content_type;  // empty: none was sent
  std::string body;
};
std::vector<Exchange> exchanges(const std::string& text);

}  // namespace weft::daemon::recorded
