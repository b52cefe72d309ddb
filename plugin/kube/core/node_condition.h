// SPDX-License-Identifier: Apache-2.0
// The node's condition NetworkUnavailable, by which Kubernetes lets pods onto it: in Weave's words
// when the network works, in ours when it does not.
#pragma once

#include <chrono>
#include <string>

#include "plugin/kube/core/http.h"
#include "plugin/kube/core/objects.h"

namespace weft::kube {

struct NetworkState {
  bool up = false;
  std::string message;  // when down: why, and what to do
};

// PATCH of the node's status. `transition`: since when it has been so.
HttpRequest patch_network_condition(const std::string& node, const NetworkState& state,
                                    std::chrono::system_clock::time_point now,
                                    std::chrono::system_clock::time_point transition);
// Whether the node says so already; somebody else may have changed it.
bool condition_says(const Node& node, const NetworkState& state);

}  // namespace weft::kube
