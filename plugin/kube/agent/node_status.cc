// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/node_status.h"

namespace weft::kube {
namespace {

constexpr int kOk = 200;

}  // namespace

NodeStatus::NodeStatus(io::EventLoop& loop, Machines& machines, const std::string& node, Pod pod,
                       Rng& rng)
    : loop_(loop),
      machines_(machines),
      node_(node),
      pod_(std::move(pod)),
      events_({.component = "weave-kube", .node = node, .wall = loop.wall_offset()}, rng),
      retry_(loop, [this] { write(); }),
      unsaid_(loop, [this] { send(events_.on_server(loop_.now())); }) {}

void NodeStatus::on_state(bool up, const std::string& why) {
  const bool same = state_ && state_->up == up && (up || state_->message == why);
  if (same) return;
  const bool turned = !state_ || state_->up != up;
  if (turned) changed_at_ = loop_.now();
  state_ = NetworkState{.up = up, .message = why};
  written_ = false;
  if (!turned) return retry_.arm(sent_at_ + kReasonPeriod);
  if (!writing_) write();
}

void NodeStatus::on_node(const Node& node) {
  if (node.meta.name != node_) return;
  send(events_.on_server(loop_.now()));
  if (!state_) return;
  const bool says_so = condition_says(node, *state_);
  if (says_so) written_ = true;
  // The watch may be behind our own write: another look follows before it is written again.
  if (!says_so && written_ && !writing_) retry_.arm(loop_.now() + kRetry);
  if (!says_so) written_ = false;
}

void NodeStatus::write() {
  if (!state_ || written_ || writing_) return;
  writing_ = true;
  sent_at_ = loop_.now();
  const WallOffset wall = loop_.wall_offset();
  machines_.request(
      patch_network_condition(node_, *state_, wall.wall(loop_.now()), wall.wall(changed_at_)),
      [this, sent = *state_](const HttpResponse* response) {
        writing_ = false;
        const bool well = response != nullptr && response->status == kOk;
        const bool turned = state_->up != sent.up;
        written_ = well && !turned && state_->message == sent.message;
        if (written_) return;
        retry_.arm(turned ? loop_.now() : loop_.now() + (well ? kReasonPeriod : kRetry));
      });
}

void NodeStatus::event(const EventText& text) {
  std::vector<EventSubject> subjects{node_subject(node_)};
  if (!pod_.uid.empty()) {
    subjects.push_back(
        {.kind = "Pod", .name_space = pod_.name_space, .name = pod_.name, .uid = pod_.uid});
  }
  for (const EventSubject& subject : subjects)
    send(events_.on_event(loop_.now(), subject, text));
}

void NodeStatus::send(std::optional<EventRequest> event) {
  unsaid_.arm(events_.next_deadline());
  if (!event) return;
  machines_.request(std::move(event->request), [this, key = std::move(event->key)](
                                                   const HttpResponse* response) {
    send(events_.on_answer(loop_.now(), key,
                           response != nullptr ? std::optional(response->status) : std::nullopt));
  });
}

}  // namespace weft::kube
