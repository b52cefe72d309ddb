// SPDX-License-Identifier: Apache-2.0
// Whose turn it is to run weaver, where a node has several weave-kube: the pod of weave-net and
// that of weave-net-standby, or two of weave-net while a rollout with a surge replaces one. Pure.
//
// One serves, the others wait. A standby bridges the time in which weave-net's pod is replaced, and
// hands over as soon as there is another.
//
//   waiting ─may_serve─▶ serving ─must_hand_over─▶ waiting (a standby)
//                           └────end asked, may_end─▶ over
#pragma once

#include <cstdint>
#include <optional>

#include "base/time_point.h"

namespace weft::kube {

enum class Role : std::uint8_t {
  primary,  // serves whenever nobody else does
  standby,  // serves while no primary is there, after one was
};

// What the other processes of this node do, at one moment.
struct Others {
  bool serving = false;  // one has the turn
  bool heir = false;     // a primary waits for its turn
  bool standby = false;  // there is a standby, whatever it does
};

class Turn {
 public:
  // A rollout of both DaemonSets ends both pods of a node at about the same time: whoever serves
  // looks round a little later, not at one that is about to go.
  static constexpr Duration kSettle = std::chrono::seconds(2);
  // How long it goes on for the other to be back; a kubelet takes ten seconds to replace a pod.
  // With weaver's own ten it is less than the pods' terminationGracePeriodSeconds.
  static constexpr Duration kPatience = std::chrono::seconds(40);
  // A standby that was not seen for so long is not waited for.
  static constexpr Duration kRemembered = std::chrono::minutes(1);

  explicit Turn(Role role) : role_(role) {}

  // To be called often: every call counts as what holds now.
  void on_look(TimePoint now, const Others& others);
  // What was seen before counts no more.
  void forget();
  // SIGTERM. Calls after the first change nothing.
  void on_end_asked(TimePoint now);
  bool end_asked() const { return end_asked_.has_value(); }

  // Of one that waits. A standby takes over from those alone that it has seen serve: where Weave
  // still runs, or nothing yet, it has no business.
  bool may_serve() const;
  // Of one that serves.
  bool must_hand_over() const;
  // Of one that serves and was asked to end: is there somebody to take over, or no hope of one?
  bool may_end(TimePoint now) const;

 private:
  bool successor() const;
  bool hopes(TimePoint now) const;

  Role role_;
  Others others_;
  bool seen_serving_ = false;
  std::optional<TimePoint> standby_seen_;
  std::optional<TimePoint> end_asked_;
};

}  // namespace weft::kube
