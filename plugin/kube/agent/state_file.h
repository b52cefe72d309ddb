// SPDX-License-Identifier: Apache-2.0
// What the agent itself must know at its next start, API server or not: a small file beside
// weaver's state.
#pragma once

#include <string>

#include "base/result.h"

namespace weft::kube {

struct AgentState {
  bool served = false;      // this node's pods were served by us, and not by Weave since
  bool ring = false;        // weaver's state has an address ring in it
  std::string listed_in;    // UID of the ConfigMap in whose list of peers we stand; empty: none
  bool from_weave = false;  // the mesh was Weave's before
  // At the first start, from Weave's own database: this node stood in the list of peers.
  bool listed_by_weave = false;
  friend bool operator==(const AgentState&, const AgentState&) = default;
};

class StateFile {
 public:
  // `db_prefix` is weaver's --db-prefix.
  explicit StateFile(std::string db_prefix);

  // Absent or damaged: as at the first start, which waits for the API server.
  AgentState load() const;
  Result<> store(const AgentState& state) const;
  // Puts weaver's state and ours aside, so that weaver starts as a new peer.
  void set_aside() const;
  const std::string& path() const { return path_; }

 private:
  bool weave_ran_since() const;
  bool listed_by_weave() const;

  std::string db_prefix_;
  std::string path_;
};

}  // namespace weft::kube
