// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/node_condition.h"

namespace weft::kube {

namespace {

constexpr const char* kType = "NetworkUnavailable";
// Source: weave 2.8.1, prog/kube-utils/nodestatus.go.
constexpr const char* kUpReason = "WeaveIsUp";
constexpr const char* kUpMessage = "Weave pod has set this";
constexpr const char* kDownReason = "WeaveIsDown";

NodeCondition wanted(const NetworkState& state) {
  if (state.up) {
    return {.type = kType, .status = "False", .reason = kUpReason, .message = kUpMessage};
  }
  return {.type = kType, .status = "True", .reason = kDownReason, .message = state.message};
}

}  // namespace

HttpRequest patch_network_condition(const std::string& node, const NetworkState& state,
                                    std::chrono::system_clock::time_point now,
                                    std::chrono::system_clock::time_point transition) {
  const NodeCondition condition = wanted(state);
  const Json patch = {{"type", condition.type},
                      {"status", condition.status},
                      {"reason", condition.reason},
                      {"message", condition.message},
                      {"lastHeartbeatTime", time_text(now)},
                      {"lastTransitionTime", time_text(transition)}};
  // A strategic merge: the list is merged by `type`, other conditions stay.
  return {.method = "PATCH",
          .target = "/api/v1/nodes/" + percent_encode(node) + "/status",
          .body = print({{"status", {{"conditions", Json::array({patch})}}}}),
          .content_type = "application/strategic-merge-patch+json"};
}

bool condition_says(const Node& node, const NetworkState& state) {
  const NodeCondition* there = node.condition(kType);
  return there != nullptr && *there == wanted(state);
}

}  // namespace weft::kube
