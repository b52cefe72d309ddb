// SPDX-License-Identifier: Apache-2.0
// Whose turn it is to run weaver, where a node has several weave-kube: the pod of weave-net and
// that of weave-net-standby, or two of weave-net while a rollout with a surge replaces one. Pure.
//
// One serves, the others wait. A standby bridges the time in which weave-net's pod is replaced, and
// hands over as soon as there is another.
//
//   waiting ─may_serve─▶ serving ─must_hand_over─▶ waiting (a standby)
//      └─may_leave─▶ over   └──────may_end──────▶ over        (once an end was asked)
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
  bool standby = false;  // there is a standby to count on, whatever it does
  bool leaving = false;  // the one that has the turn is ending it
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
  // So long a standby waits for somebody whom it has not seen serve, where others did before: a
  // node boots, or the standby itself was restarted while it served.
  static constexpr Duration kAbsence = std::chrono::seconds(30);
  // How long after another served what is stored is as good as the API server's word.
  static constexpr Duration kFresh = std::chrono::seconds(30);
  // After the others' places were lost: the one that serves takes its own again within this.
  static constexpr Duration kRenewal = std::chrono::seconds(3);

  explicit Turn(Role role) : role_(role) {}

  // To be called often: every call counts as what holds now.
  void on_look(TimePoint now, const Others& others);
  // Weft, and not Weave since, has served this node before, by what is stored.
  void on_history(bool ours) { ours_before_ = ours; }
  // What was seen of others counts no more.
  void forget(TimePoint now);
  // SIGTERM. Calls after the first change nothing.
  void on_end_asked(TimePoint now);
  bool end_asked() const { return end_asked_.has_value(); }

  // Of one that waits. A standby takes over from those that it has seen serve, and otherwise after
  // a while where Weft served before: where Weave runs, or nothing yet, it has no business.
  bool may_serve(TimePoint now) const;
  // Of one that waits and was asked to end. Not a standby while the one that counted on it ends.
  bool may_leave() const;
  // Of one that serves.
  bool must_hand_over() const;
  // Of one that serves and was asked to end: is there somebody to take over, or no hope of one?
  bool may_end(TimePoint now) const;

  // Of one whose turn begins: another served until a moment ago.
  bool fresh(TimePoint now) const;
  bool sees_standby() const { return others_.standby; }

 private:
  bool successor() const;
  bool hopes(TimePoint now) const;

  Role role_;
  Others others_;
  bool ours_before_ = false;
  std::optional<TimePoint> serving_seen_;
  std::optional<TimePoint> standby_seen_;
  std::optional<TimePoint> nobody_since_;
  std::optional<TimePoint> not_before_;
  std::optional<TimePoint> end_asked_;
};

}  // namespace weft::kube
