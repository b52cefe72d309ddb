// SPDX-License-Identifier: Apache-2.0
// What the API server is told about this node: its condition NetworkUnavailable, and Events.
#pragma once

#include <optional>
#include <string>

#include "plugin/kube/agent/machines.h"
#include "plugin/kube/core/events.h"
#include "plugin/kube/core/node_condition.h"
#include "plugin/kube/core/objects.h"

namespace weft::kube {

class NodeStatus {
 public:
  // Between two attempts to write the condition, and before another reason for the same is written.
  static constexpr Duration kRetry = std::chrono::seconds(5);
  static constexpr Duration kReasonPeriod = std::chrono::seconds(60);

  struct Pod {
    std::string name_space, name, uid;  // empty: not known, and Events are on the node alone
  };
  NodeStatus(io::EventLoop& loop, Machines& machines, const std::string& node, Pod pod, Rng& rng);

  void on_state(bool up, const std::string& why);
  // The node as the API server has it: somebody else may have changed the condition.
  void on_node(const Node& node);
  void event(const EventText& text);
  std::optional<bool> up() const { return state_ ? std::optional(state_->up) : std::nullopt; }

 private:
  void write();
  void send(std::optional<EventRequest> event);

  io::EventLoop& loop_;
  Machines& machines_;
  std::string node_;
  Pod pod_;
  Events events_;
  io::Timer retry_;   // of the condition
  io::Timer unsaid_;  // Events
  std::optional<NetworkState> state_;
  TimePoint changed_at_;
  TimePoint sent_at_;
  bool written_ = false;
  bool writing_ = false;
};

}  // namespace weft::kube
