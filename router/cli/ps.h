// SPDX-License-Identifier: Apache-2.0
// What is attached to this host's bridge: interfaces found in namespaces, joined with what the
// daemon has allocated.
#pragma once

#include <string>
#include <vector>

#include "base/mac.h"
#include "router/cli/api.h"

namespace weft::cli {

struct PodRow {
  std::string ident;           // owner of the addresses; the namespace's file name if nobody is
  std::optional<MacAddr> mac;  // none: allocated, and no interface found
  std::vector<Cidr> addresses;
  std::string interface;
  std::string netns;
};

Answer<std::vector<PodRow>> list_pods(const Context& context, const std::string& bridge);

// Rows whose ident begins with one of `prefixes`; all if there are none.
std::vector<PodRow> filter_pods(std::vector<PodRow> rows, const std::vector<std::string>& prefixes);
// Weave's columns: the id's first 12 characters, MAC, addresses. "weave:expose" is whole.
std::string pods_text(const std::vector<PodRow>& rows);
std::string pods_json(const std::vector<PodRow>& rows);

}  // namespace weft::cli
